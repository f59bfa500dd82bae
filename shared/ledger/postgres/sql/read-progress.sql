select partition, generation, next_offset, record_hash, halted, checked_ranges
from partition_progress
order by partition
