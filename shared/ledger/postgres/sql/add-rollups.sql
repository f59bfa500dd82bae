-- $1 partition, then arrays sorted by the primary key: organizations, metrics, quarter hours since 1970, dimension sets,
-- totals, counts, smallest, largest and latest quantities, times of the latest in milliseconds. The writer has no other
-- right on totals (U11).
select add_rollups($1, $2::text[], $3::text[], $4::int8[], $5::uuid[], $6::numeric[], $7::int8[], $8::numeric[],
  $9::numeric[], $10::numeric[], $11::int8[])
