-- $1 int8, $2 int, $3 int, $4 int8, $5 int: the conflict behind which the page begins (microseconds since 1970, partition,
-- generation, offset, index) or null, $6 rows. Newest first.
select partition, generation, "offset", index, organization_id, key_hash, event_day - date '1970-01-01' as day,
  first_day - date '1970-01-01' as first_day, (extract(epoch from found_at) * 1000000)::int8 as at_us
from usage_conflicts
where $1::int8 is null or (found_at, partition, generation, "offset", index)
  < (timestamptz 'epoch' + $1::int8 * interval '1 microsecond', $2::int, $3::int, $4::int8, $5::int)
order by found_at desc, partition desc, generation desc, "offset" desc, index desc
limit $6
