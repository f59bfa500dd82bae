-- $1 date[]: makes the leaves that are missing and returns the days that are closed, as days since 1970.
select day - date '1970-01-01' as day
from unnest($1::date[]) as day
where not make_usage_day(day)
