-- $1 date[]: makes the leaves that are missing. Each day, as days since 1970, with its leaf; null where it is closed.
select day - date '1970-01-01' as day,
  case when make_usage_day(day) then leaf_of(day, (now() at time zone 'UTC')::date) end as leaf
from unnest($1::date[]) as day
