-- The leaves of usage_events, each with the days that it is for, whatever it is called; `pending`: its detaching was cut
-- off. A table of that kind of name that is no leaf was detached and not dropped: it is made and attached in one
-- transaction, so only a closing leaves it behind; its days are null.
select c.relname as leaf, coalesce(i.inhdetachpending, false) as pending,
  case when i.inhrelid is not null then array(
    select found[1]::date - date '1970-01-01'
    from regexp_matches(pg_get_expr(c.relpartbound, c.oid), '\d{4}-\d{2}-\d{2}', 'g') found
  ) end as days
from pg_class c
left join pg_inherits i on i.inhrelid = c.oid and i.inhparent = 'public.usage_events'::regclass
where c.relnamespace = 'public'::regnamespace and c.relkind = 'r'
  and (i.inhrelid is not null or c.relname ~ '^usage_events_\d+$')
order by c.relname
