-- $1 partition, $2 code, $3 reason, $4 generation and $5 next offset for which it was decided. The first reason stays.
update partition_progress
set halted = true, halt_code = $2, halt_reason = $3, halted_at = now(), updated_at = now()
where partition = $1 and not halted and generation = $4 and next_offset = $5
