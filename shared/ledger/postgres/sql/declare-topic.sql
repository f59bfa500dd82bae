-- $1 topic id
update shard_identity set topic_id = $1 where topic_id <> $1
