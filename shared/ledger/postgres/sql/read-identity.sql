select shard, topic_id, map_version from shard_identity
