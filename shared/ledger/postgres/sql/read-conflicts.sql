-- $1 rows
select partition, "offset", index, organization_id, key_hash, to_char(event_day, 'YYYY-MM-DD') as day, fingerprint,
  to_char(first_day, 'YYYY-MM-DD') as first_day, first_offset, first_index, first_fingerprint,
  floor(extract(epoch from found_at) * 1000)::int8 as found_at_ms
from usage_conflicts
order by found_at desc, partition, "offset", index
limit $1
