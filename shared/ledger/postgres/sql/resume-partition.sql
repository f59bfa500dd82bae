-- $1 partition, $2 generation, $3 next offset. The record below another next offset than
-- before was not committed by us, so there is no hash of it.
update partition_progress
set halted = false, halt_code = null, halt_reason = null, halted_at = null, updated_at = now(),
  record_hash = case when generation = $2 and next_offset = $3 then record_hash end,
  first_offset = case when generation = $2 then first_offset else $3 end,
  log_end = case when generation = $2 then log_end end,
  generation = $2, next_offset = $3
where partition = $1
