-- $1 date: days before it are closed, in one transaction for leaves and commits. One row a partition, or none where this or
-- a later day was closed before.
with of_shard as (
  update shard_identity set closed_before = $1 where closed_before is null or closed_before < $1 returning closed_before
)
update partition_progress set closed_before = of_shard.closed_before, updated_at = now()
from of_shard
returning partition
