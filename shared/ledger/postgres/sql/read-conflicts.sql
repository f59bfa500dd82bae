-- $1 rows, then the place before which the page begins, or nulls: $2 microseconds since 1970, $3 partition,
-- $4 generation, $5 offset, $6 index. Newest first.
select partition, "offset", index, organization_id, key_hash, to_char(event_day, 'YYYY-MM-DD') as day, fingerprint,
  to_char(first_day, 'YYYY-MM-DD') as first_day, first_offset, first_index, first_fingerprint,
  floor(extract(epoch from found_at) * 1000)::int8 as found_at_ms,
  concat_ws('.', (extract(epoch from found_at) * 1000000)::int8, partition, generation, "offset", index) as cursor
from usage_conflicts
where (found_at, partition, generation, "offset", index)
  < (coalesce(timestamptz 'epoch' + $2::int8 * interval '1 microsecond', 'infinity'), $3::int, $4::int, $5::int8, $6::int)
order by found_at desc, partition desc, generation desc, usage_conflicts."offset" desc, usage_conflicts.index desc
limit $1
