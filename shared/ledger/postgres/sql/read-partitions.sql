select partition, generation, first_offset, next_offset, to_char(closed_before, 'YYYY-MM-DD') as closed_before, halt_code, halt_reason,
  floor(extract(epoch from halted_at) * 1000)::int8 as halted_at_ms
from partition_progress
order by partition
