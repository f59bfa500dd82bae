select distinct day from (
  select d ->> 'day' as day from commit_ledger, jsonb_array_elements(days) d
  union
  select held[1]
  from pg_class join pg_inherits on inhrelid = pg_class.oid,
    regexp_matches(pg_get_expr(relpartbound, pg_class.oid), '\d{4}-\d\d-\d\d', 'g') held
  where inhparent = 'usage_events'::regclass
) named
order by day
