-- $1 date[]: those of them that a commit, a total or a row names, as days since 1970. Rows are read once for all days.
select day - date '1970-01-01' as day
from unnest($1::date[]) as day
where exists (select from commits_of_day(day))
  or exists (
    select from usage_rollups
    where quarter >= day::timestamp at time zone 'UTC' and quarter < (day + 1)::timestamp at time zone 'UTC'
  )
  or day = any (array(select distinct event_day from usage_events where event_day = any ($1::date[])))
order by 1
