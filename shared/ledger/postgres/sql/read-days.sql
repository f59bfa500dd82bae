-- Every day that the ledger, a total or a leaf names. Rows are not read: each is in a leaf that names its day.
select to_char(day, 'YYYY-MM-DD') as day from (
  select (d ->> 'day')::date as day from commit_ledger, jsonb_array_elements(days) d
  union
  select day from usage_days
  union
  select (quarter at time zone 'UTC')::date from usage_rollups
) named
order by day
