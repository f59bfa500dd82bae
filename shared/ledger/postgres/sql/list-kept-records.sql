-- $1 int8, $2 int, $3 int, $4 int8, $5 int: the entry behind which the page begins (microseconds since 1970, partition,
-- generation, offset, index) or null, $6 rows. Quarantined records and events without their bytes, newest first.
select partition, generation, "offset", index, code, octet_length(bytes) as size,
  (extract(epoch from quarantined_at) * 1000000)::int8 as at_us
from quarantine
where $1::int8 is null or (quarantined_at, partition, generation, "offset", index)
  < (timestamptz 'epoch' + $1::int8 * interval '1 microsecond', $2::int, $3::int, $4::int8, $5::int)
order by quarantined_at desc, partition desc, generation desc, "offset" desc, index desc
limit $6
