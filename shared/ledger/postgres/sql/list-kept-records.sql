-- $1 int8, $2 int, $3 int8, $4 int: the entry behind which the page begins (microseconds since 1970, partition, offset,
-- index) or null, $5 rows. Quarantined records and events without their bytes, newest first.
select partition, generation, "offset", index, code, octet_length(bytes) as size,
  (extract(epoch from quarantined_at) * 1000000)::int8 as at_us
from quarantine
where $1::int8 is null or (quarantined_at, partition, "offset", index)
  < (timestamptz 'epoch' + $1::int8 * interval '1 microsecond', $2::int, $3::int8, $4::int)
order by quarantined_at desc, partition desc, "offset" desc, index desc
limit $5
