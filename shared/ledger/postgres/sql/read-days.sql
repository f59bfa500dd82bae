-- Every day that the ledger, a row or a total names; leaves have names of their own.
select to_char(day, 'YYYY-MM-DD') as day from (
  select (d ->> 'day')::date as day from commit_ledger, jsonb_array_elements(days) d
  union
  select event_day from usage_events
  union
  select (quarter at time zone 'UTC')::date from usage_rollups
) named
order by day
