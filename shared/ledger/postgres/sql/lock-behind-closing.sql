-- Partitions whose closed days are not those of the shard, as after a new one came to it, each locked: what it is
-- brought to. Days are days since 1970.
select p.partition, p.generation, p.next_offset, s.closed_before - date '1970-01-01' as closed_before,
  floor(extract(epoch from now()) * 1000)::int8 as decided_at_ms
from partition_progress p
cross join shard_identity s
where p.closed_before is distinct from s.closed_before and s.closed_before is not null
order by p.partition
for update of p
