-- $1 rows, $2 bytes of all, $8 bytes of one, which is cut there, then the place before which the page begins, or nulls: $3 microseconds since 1970, $4 partition,
-- $5 generation, $6 offset, $7 index. Newest first; `cut`: it has fewer rows than were asked for, because they are large.
with page as (
  select *, sum(least(octet_length(bytes), $8::int)) over newest as bytes_to, row_number() over newest as place,
    count(*) over () as found
  from (
    select *
    from quarantine
    where (quarantined_at, partition, generation, "offset", index)
      < (coalesce(timestamptz 'epoch' + $3::int8 * interval '1 microsecond', 'infinity'), $4::int, $5::int, $6::int8, $7::int)
    order by quarantined_at desc, partition desc, generation desc, "offset" desc, index desc
    limit $1
  ) newest_rows
  window newest as (order by quarantined_at desc, partition desc, generation desc, "offset" desc, index desc
    rows unbounded preceding)
)
select partition, "offset", index, code, substr(bytes, 1, $8::int) as bytes, octet_length(bytes) as length,
  floor(extract(epoch from quarantined_at) * 1000)::int8 as quarantined_at_ms,
  concat_ws('.', (extract(epoch from quarantined_at) * 1000000)::int8, partition, generation, "offset", index) as cursor,
  found > count(*) over () as cut
from page
where bytes_to <= $2
order by place
