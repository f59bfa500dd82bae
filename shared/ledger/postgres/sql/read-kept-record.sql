-- $1 partition, $2 generation, $3 offset, $4 index: one quarantined record or event.
select partition, generation, "offset", index, code, bytes, octet_length(bytes) as size,
  (extract(epoch from quarantined_at) * 1000000)::int8 as at_us
from quarantine
where partition = $1 and generation = $2 and "offset" = $3 and index = $4
