-- $1 date: days before it are closed, in one transaction for leaves and commits.
with of_shard as (update shard_identity set closed_before = $1)
update partition_progress set closed_before = $1, updated_at = now()
