select distinct day from (
  select d ->> 'day' as day from commit_ledger, jsonb_array_elements(days) d
  union
  select to_char(to_date(right(relname, 8), 'YYYYMMDD'), 'YYYY-MM-DD')
  from pg_class join pg_inherits on inhrelid = pg_class.oid
  where inhparent = 'usage_events'::regclass
) named
order by day
