-- The leaves of usage_events, each with the days that it is for, whatever it is called. `pending`: its detaching was cut
-- off; only one can be, and no other is detached before it. `detached`: a table of that kind of name that is no leaf; its
-- days are in the constraint that detaching it concurrently has left. Without one nobody knows whose rows it holds.
select relname as leaf,
  case when inhrelid is null then 'detached' when inhdetachpending then 'pending' else 'attached' end as state,
  array(
    select found[1]::date - date '1970-01-01'
    from regexp_matches(bound, '\d{4}-\d{2}-\d{2}', 'g') found
  ) as days
from (
  select c.relname, i.inhrelid, i.inhdetachpending,
    case when i.inhrelid is not null then pg_get_expr(c.relpartbound, c.oid) else (
      select string_agg(pg_get_constraintdef(k.oid), ' ')
      from pg_constraint k
      where k.conrelid = c.oid and k.contype = 'c' and pg_get_constraintdef(k.oid) like '%event_day%'
    ) end as bound
  from pg_class c
  left join pg_inherits i on i.inhrelid = c.oid and i.inhparent = 'public.usage_events'::regclass
  where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
    and (i.inhrelid is not null or c.relname ~ '^usage_events_\d+$')
) leaves
order by inhdetachpending desc nulls last, relname
