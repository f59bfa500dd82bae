-- What the proof of a day reads (U12) is what the day holds: not the whole ledger, and not the totals of other days.

-- The strongest lock first: nobody waits for one that waits for another.
-- Whoever closes a day: it is a decision of its own. Not of the rows of before, because `verify` judges those.
alter table commit_ledger add constraint commit_ledger_closing check (
  (source = 'decision' and to_offset = from_offset)
  or not days @? '$[*] ? (!exists(@.digest ? (@.type() == "string")))'
) not valid;

-- What each commit inserted into a day; rows that close a day are in `closed_days`.
create function commits_of_day(of_day date)
returns table (partition integer, sequence bigint, from_offset bigint, count bigint, digest text, sums text)
language sql stable rows 10000
set search_path = pg_catalog, public, pg_temp
as $$
  select l.partition, l.sequence, l.from_offset, d.count, d.digest, d.sums
  from public.commit_ledger l
  cross join jsonb_to_recordset(l.days) d (day date, count bigint, digest text, sums text)
  where jsonb_path_query_array(l.days, '$[*].day') ? to_char(of_day, 'YYYY-MM-DD')
    and d.day = of_day and d.digest is not null
$$;
revoke all on function commits_of_day(date) from public;
grant execute on function commits_of_day(date) to billing;

-- Only who owns the ledger decides and closes days: a row that closes a day takes its rows out of the proof, so a stolen
-- login of the writer must not be able to add one. Commits do not call the function.
create function refuse_decision() returns trigger
language plpgsql
set search_path = pg_catalog, public, pg_temp
as $$
begin
  if not pg_has_role((select relowner from pg_class where oid = tg_relid), 'member') then
    raise exception 'only the owner writes a decision into the ledger' using errcode = 'insufficient_privilege';
  end if;
  return new;
end
$$;
revoke all on function refuse_decision() from public;
create trigger only_owner_decides before insert on commit_ledger for each row
  when (new.source = 'decision' or new.days @? '$[*] ? (!exists(@.digest ? (@.type() == "string")))')
  execute function refuse_decision();
create or replace view closed_days with (security_invoker = true) as
select l.partition, d.day, l.sequence, d.count, d.sums
from commit_ledger l
cross join jsonb_to_recordset(l.days) d (day date, count bigint, digest text, sums text)
where l.source = 'decision' and d.digest is null;

-- The days that an attached leaf is for, whatever it is called: only of those can there be rows.
create view usage_days as
select distinct found[1]::date as day
from pg_inherits i
join pg_class c on c.oid = i.inhrelid
cross join regexp_matches(pg_get_expr(c.relpartbound, c.oid), '\d{4}-\d{2}-\d{2}', 'g') found
where i.inhparent = 'public.usage_events'::regclass and not i.inhdetachpending;

-- Closed days whose rows are gone. Where there is still a leaf, rows and totals are compared as of an open day.
create view gone_days with (security_invoker = true) as
select c.partition, c.day
from closed_days c
where not exists (select from usage_days u where u.day = c.day);

grant select on usage_days, gone_days to billing;

-- The function of migration 009.
create or replace function make_usage_day(day date) returns boolean
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
set lock_timeout = '4s'
as $$
declare
  today date := (now() at time zone 'UTC')::date;
  leaf text;
  days text;
begin
  if day is null or exists (select from public.shard_identity where day < closed_before) then
    return false;
  end if;
  leaf := public.leaf_of(day, today);
  if exists (select from pg_class where relnamespace = 'public'::regnamespace and relname = leaf) then
    return true;
  end if;
  perform pg_advisory_xact_lock(hashtext('odometer.make_usage_day'));
  -- The winner of a race may have made the leaf, or the month's.
  leaf := public.leaf_of(day, today);
  if exists (select from pg_class where relnamespace = 'public'::regnamespace and relname = leaf) then
    return true;
  end if;
  if length(leaf) = length('usage_events_YYYYMMDD') then
    days := quote_literal(day);
  else
    -- All open days that have no leaf of their own. A closed one would be named again, and the proof would miss its rows.
    select string_agg(quote_literal(one::date), ', ') into days
    from generate_series(date_trunc('month', day::timestamp),
      date_trunc('month', day::timestamp) + interval '1 month' - interval '1 day', interval '1 day') one
    where not exists (
      select from pg_class
      where relnamespace = 'public'::regnamespace and relname = 'usage_events_' || to_char(one, 'YYYYMMDD'))
      and not exists (select from public.shard_identity where one < closed_before);
  end if;
  execute format(
    'create table public.%I (like public.usage_events including defaults including constraints including storage)',
    leaf);
  execute format('grant select, insert on public.%I to odometer_writer', leaf);
  execute format('alter table public.usage_events attach partition public.%I for values in (%s)', leaf, days);
  return true;
end
$$;
