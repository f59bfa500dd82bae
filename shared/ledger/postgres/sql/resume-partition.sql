-- $1 partition, $2 generation, $3 next offset. The record below another next offset than
-- before was not committed by us, so there is no hash of it, and no look at the log whose end it could have reached. Of
-- another generation nothing is complete yet.
update partition_progress
set halted = false, halt_code = null, halt_reason = null, halted_at = null, updated_at = now(),
  record_hash = case when generation = $2 and next_offset = $3 then record_hash end,
  first_offset = case when generation = $2 then first_offset else $3 end,
  log_end = case when generation = $2 and next_offset = $3 then log_end end,
  complete_through = case when generation = $2 then complete_through end,
  generation = $2, next_offset = $3
where partition = $1
