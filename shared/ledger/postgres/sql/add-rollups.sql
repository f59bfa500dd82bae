-- $1 partition, then arrays sorted by the primary key: organizations, metrics, quarter hours since 1970,
-- totals, counts. The writer has no other right on totals (U11).
select add_rollups($1, $2::text[], $3::text[], $4::int8[], $5::numeric[], $6::int8[])
