-- The leaf of a day: its own while it is young, else its month's, so that a backfill of 26 years makes some 300
-- tables and not 9,500. A month's leaf holds its days side by side; the unique index over key hash and event day, and
-- every query by day, are the same in both.

-- Which leaf a day has, or will have: this is the one place that knows. Where one exists it stays, however old the day
-- becomes. A month's leaf takes every day of its month that has none, so the next day of it is never without.
-- 35 is eventAgeDaysMax of shared/limits.ts. VOLATILE, so that it sees the leaf that the same statement made.
create function leaf_of(day date, today date) returns text
language plpgsql volatile
set search_path = pg_catalog, public, pg_temp
as $$
declare
  of_day text := 'usage_events_' || to_char(day, 'YYYYMMDD');
  of_month text := 'usage_events_' || to_char(day, 'YYYYMM');
begin
  if exists (select from pg_class where relnamespace = 'public'::regnamespace and relname = of_day) then
    return of_day;
  end if;
  if day < today - 35
    or exists (select from pg_class where relnamespace = 'public'::regnamespace and relname = of_month) then
    return of_month;
  end if;
  return of_day;
end
$$;
revoke all on function leaf_of(date, date) from public;
grant execute on function leaf_of(date, date) to odometer_writer;

-- It waits longer than a migration, which it may stand behind, and nobody waits behind it.
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
    -- All days that have no leaf of their own; that some are closed does no harm, because nothing is written to them.
    select string_agg(quote_literal(one::date), ', ') into days
    from generate_series(date_trunc('month', day::timestamp),
      date_trunc('month', day::timestamp) + interval '1 month' - interval '1 day', interval '1 day') one
    where not exists (
      select from pg_class
      where relnamespace = 'public'::regnamespace and relname = 'usage_events_' || to_char(one, 'YYYYMMDD'));
  end if;
  execute format(
    'create table public.%I (like public.usage_events including defaults including constraints including storage)',
    leaf);
  execute format('grant select, insert on public.%I to odometer_writer', leaf);
  execute format('alter table public.usage_events attach partition public.%I for values in (%s)', leaf, days);
  return true;
end
$$;
