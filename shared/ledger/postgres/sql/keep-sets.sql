-- $1 partition, then arrays in log order: organizations, metrics, days, dimensions. The places in them, from 1, of the sets
-- that are kept apart.
select keep_dimension_sets($1, $2::text[], $3::text[], $4::date[], $5::text[]) as place
