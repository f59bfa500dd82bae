select partition, generation, next_offset, record_hash, halted, checked_ranges,
  closed_before - date '1970-01-01' as closed_before
from partition_progress
order by partition
