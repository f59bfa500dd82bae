-- $1 partition: where a decision starts from.
select p.generation, p.next_offset, p.halted, floor(extract(epoch from now()) * 1000)::int8 as decided_at_ms
from partition_progress p
where p.partition = $1
for update
