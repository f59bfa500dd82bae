select partition, generation, first_offset, next_offset, halt_code, halt_reason,
  floor(extract(epoch from halted_at) * 1000)::int8 as halted_at_ms
from partition_progress
order by partition
