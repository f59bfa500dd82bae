-- Locks every progress row, so that no commit of this shard is under way: what a closing starts from, after it has locked
-- the bound.
select p.partition, p.generation, p.next_offset, p.halted,
  floor(extract(epoch from p.complete_through) * 1000)::int8 as complete_through_ms,
  floor(extract(epoch from now()) * 1000)::int8 as decided_at_ms
from partition_progress p
order by p.partition
for update of p
