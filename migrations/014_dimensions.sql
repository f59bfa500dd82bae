-- Totals by dimension set. An event's dimensions are one canonical text (shared/events/dimensions.ts): '' without any, else
-- a JSON object of texts with its names in order. Every event is in exactly one total: that of its own set, of the empty
-- set, or of `other`. So a total over all sets is the sum of all rows, as before, and a query by dimension joins
-- usage_dimension_sets, which has the text of each set.

-- Text, because COPY then copies it as it is: jsonb would be parsed for each row, and would give back another text than
-- was digested. No rewrite of a table: the default is a constant.
alter table usage_events add column dimensions text collate "C" not null default '';
comment on column usage_events.dimensions is 'canonical JSON object of texts; empty without dimensions';

-- Eight names and values do not fit an index entry, so a set is known by a hash: 16 bytes, as identities are. The empty
-- set has 16 zero bytes, and `other` has 16 bytes of ones.
create function dimension_set_of(dimensions text) returns uuid
language sql immutable strict parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case dimensions
    when '' then '00000000-0000-0000-0000-000000000000'::uuid
    when 'other' then 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid
    else encode(substr(sha256(convert_to(dimensions, 'UTF8')), 1, 16), 'hex')::uuid
  end
$$;
revoke all on function dimension_set_of(text) from public;
grant execute on function dimension_set_of(text) to odometer_writer, odometer_reader, billing;

-- The sets that are kept apart: at most 1,000 of an organization, metric and event day (dimensionSetsMax of
-- shared/limits.ts), numbered in log order. A set that comes when all numbers are given is added to `other`, for as long
-- as the day is open. The number bounds the work: the last one is found in the index, and nothing is counted.
create table usage_dimension_sets (
  partition integer not null,
  organization_id text collate "C" not null,
  metric_name text collate "C" not null,
  event_day date not null,
  number smallint not null check (number between 1 and 1000),
  dimension_set uuid not null,
  dimensions text collate "C" not null,
  primary key (partition, organization_id, metric_name, event_day, dimension_set),
  unique (partition, organization_id, metric_name, event_day, number)
);
grant select on usage_dimension_sets to odometer_reader, billing;
alter table usage_dimension_sets enable row level security, force row level security;
create policy tenant on usage_dimension_sets for select to odometer_reader
  using (organization_id = nullif(current_setting('odometer.organization', true), ''));
create policy operator on usage_dimension_sets for select to billing using (true);
-- As for the totals: the functions below run as the owner, and set it while they work.
create policy totals on usage_dimension_sets to current_user
  using (current_setting('odometer.within_totals', true) = 'on')
  with check (current_setting('odometer.within_totals', true) = 'on');

-- Sum and count are of all events of the set, as are the others. `latest` is the quantity of the event with the latest
-- event time, and of several the last in log order. Null: what code of before this migration counted is in it, so it is
-- not known.
alter table usage_rollups
  add column dimension_set uuid not null default '00000000-0000-0000-0000-000000000000',
  add column minimum numeric,
  add column maximum numeric,
  add column latest numeric,
  add column latest_at timestamptz,
  drop constraint usage_rollups_pkey,
  add primary key (partition, organization_id, metric_name, quarter, dimension_set);

-- Which of the given sets are kept apart, by their places in the arrays, which are in log order. New ones get the free
-- numbers in that order. Two transactions of one partition do not meet here, because each has moved its progress row.
create function keep_dimension_sets(of_partition integer, organizations text[], metrics text[], days date[],
  texts text[]) returns setof integer
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
  if not exists (select from public.partition_progress where partition = of_partition) then
    raise exception 'this shard has no partition %', of_partition using errcode = 'invalid_parameter_value';
  end if;
  perform set_config('odometer.within_totals', 'on', true);
  return query
  with given as (
    select u.organization, u.metric, u.day, u.dimensions, public.dimension_set_of(u.dimensions) as id, u.place::integer
    from unnest(organizations, metrics, days, texts) with ordinality
      as u (organization, metric, day, dimensions, place)
  ),
  found as (
    select g.*, k.number is not null as known
    from given g
    left join public.usage_dimension_sets k on k.partition = of_partition and k.organization_id = g.organization
      and k.metric_name = g.metric and k.event_day = g.day and k.dimension_set = g.id
  ),
  fresh as (
    select f.*, row_number() over (partition by f.organization, f.metric, f.day order by f.place) as rank
    from found f
    where not f.known
  ),
  numbered as (
    select f.*, last.number + f.rank as number
    from fresh f
    join (
      select g.organization, g.metric, g.day, coalesce((
        select k.number from public.usage_dimension_sets k
        where k.partition = of_partition and k.organization_id = g.organization and k.metric_name = g.metric
          and k.event_day = g.day
        order by k.number desc limit 1), 0) as number
      from (select distinct f.organization, f.metric, f.day from fresh f) g
    ) last using (organization, metric, day)
  ),
  added as (
    insert into public.usage_dimension_sets (partition, organization_id, metric_name, event_day, number,
      dimension_set, dimensions)
    select of_partition, n.organization, n.metric, n.day, n.number, n.id, n.dimensions
    from numbered n
    where n.number <= 1000
  )
  select f.place from found f where f.known
  union all
  select n.place from numbered n where n.number <= 1000;
  perform set_config('odometer.within_totals', '', true);
end
$$;
revoke all on function keep_dimension_sets(integer, text[], text[], date[], text[]) from public;
grant execute on function keep_dimension_sets(integer, text[], text[], date[], text[]) to odometer_writer;

-- As the function of migration 008, for totals by dimension set.
create function add_rollups(of_partition integer, organizations text[], metrics text[], quarters bigint[],
  sets uuid[], totals numeric[], counts bigint[], minima numeric[], maxima numeric[], latest_quantities numeric[],
  latest_ms bigint[]) returns void
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
  if not exists (select from public.partition_progress where partition = of_partition) then
    raise exception 'this shard has no partition %', of_partition using errcode = 'invalid_parameter_value';
  end if;
  -- Also true for null: a count that is not known is no addition.
  if exists (select from unnest(counts) as given (added) where (added > 0) is not true) then
    raise exception 'a count can only grow' using errcode = 'invalid_parameter_value';
  end if;
  perform set_config('odometer.within_totals', 'on', true);
  -- Arrays of different lengths are filled with nulls, which the columns of the key and of the sum do not take.
  insert into public.usage_rollups as r (partition, organization_id, metric_name, quarter, dimension_set, total,
    event_count, minimum, maximum, latest, latest_at)
  select of_partition, organization, metric, to_timestamp(quarter * 900), set, total, added, minimum, maximum, latest,
    timestamptz 'epoch' + latest_at * interval '1 millisecond'
  from unnest(organizations, metrics, quarters, sets, totals, counts, minima, maxima, latest_quantities, latest_ms)
    as u (organization, metric, quarter, set, total, added, minimum, maximum, latest, latest_at)
  on conflict (partition, organization_id, metric_name, quarter, dimension_set)
  -- What is not known stays so: a comparison with null is not true, and `least` would pass over it.
  do update set total = r.total + excluded.total, event_count = r.event_count + excluded.event_count,
    minimum = case when excluded.minimum < r.minimum then excluded.minimum
      when excluded.minimum is not null then r.minimum end,
    maximum = case when excluded.maximum > r.maximum then excluded.maximum
      when excluded.maximum is not null then r.maximum end,
    latest = case when excluded.latest_at >= r.latest_at then excluded.latest
      when excluded.latest_at is not null then r.latest end,
    latest_at = case when excluded.latest_at >= r.latest_at then excluded.latest_at
      when excluded.latest_at is not null then r.latest_at end;
  perform set_config('odometer.within_totals', '', true);
end
$$;
revoke all on function add_rollups(integer, text[], text[], bigint[], uuid[], numeric[], bigint[], numeric[], numeric[],
  numeric[], bigint[]) from public;
grant execute on function add_rollups(integer, text[], text[], bigint[], uuid[], numeric[], bigint[], numeric[],
  numeric[], numeric[], bigint[]) to odometer_writer;

-- Code of before runs on for some minutes and knows no dimensions.
create or replace function add_rollups(of_partition integer, organizations text[], metrics text[], quarters bigint[],
  totals numeric[], counts bigint[]) returns void
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
  perform public.add_rollups(of_partition, organizations, metrics, quarters,
    array_fill(public.dimension_set_of(''), array[cardinality(counts)]), totals, counts, null, null, null, null);
end
$$;

-- As the function of migration 008, with what a total now says beside its sum.
create or replace function digest_of_sums(of_partition integer, of_day date, out count bigint, out sums text)
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
  perform set_config('odometer.within_totals', 'on', true);
  select coalesce(sum(event_count), 0), encode(sha256(convert_to(coalesce(string_agg(
      organization_id || E'\n' || metric_name || E'\n' || extract(epoch from quarter)::bigint / 900 || E'\n'
        || encode(uuid_send(dimension_set), 'hex') || E'\n' || trim_scale(total) || E'\n' || event_count || E'\n'
        || coalesce(trim_scale(minimum)::text, '') || E'\n' || coalesce(trim_scale(maximum)::text, '') || E'\n'
        || coalesce(trim_scale(latest)::text, '') || E'\n'
        || coalesce((extract(epoch from latest_at) * 1000)::bigint::text, '') || E'\n',
      '' order by organization_id, metric_name, quarter, dimension_set), ''), 'UTF8')), 'hex')
  into count, sums
  from public.usage_rollups
  where partition = of_partition
    and quarter >= of_day::timestamp at time zone 'UTC'
    and quarter < (of_day + 1)::timestamp at time zone 'UTC';
  perform set_config('odometer.within_totals', '', true);
end
$$;

-- The view of migration 008 again: its columns were those of the table at that time, and it read an array of all commits again
-- for every row.
drop view events_by_commit;

-- Counted events, each once, with the sequence of the commit that inserted it, or null: one look into the index
-- commit_ledger_from for each generation of the partition. Offsets repeat in generations, so where there are several the
-- time of the commit decides too.
create view events_by_commit with (security_invoker = true) as
with recursive named (partition, generation) as (
  select p.partition, (
    select min(l.generation) from commit_ledger l where l.partition = p.partition and l.to_offset > l.from_offset)
  from partition_progress p
  union all
  select n.partition, (
    select min(l.generation) from commit_ledger l
    where l.partition = n.partition and l.to_offset > l.from_offset and l.generation > n.generation)
  from named n
  where n.generation is not null
),
generations as (
  select partition, generation, count(*) over (partition by partition) as generations
  from named
  where generation is not null
)
select e.*, found.sequence
from usage_events e
left join lateral (
  select last.sequence
  from generations g
  cross join lateral (
    select l.sequence, l.to_offset, l.committed_at
    from commit_ledger l
    where l.partition = e.partition and l.generation = g.generation and l.to_offset > l.from_offset
      and l.from_offset <= e."offset"
    order by l.from_offset desc
    limit 1
  ) last
  where g.partition = e.partition and e."offset" < last.to_offset
    and (g.generations = 1 or last.committed_at = date_trunc('milliseconds', e.processed_at))
  order by g.generation desc
  limit 1
) found on true;

-- Each counted event with the set whose total it is in: its own one if that is among the first 1,000 of its organization,
-- metric and day in log order. It is decided from the rows alone, so it does not trust usage_dimension_sets. `logged` is
-- its time, its place in the log in an order that a restart of the offsets does not disturb, and its quantity: the largest
-- of a group is its latest event.
create view events_by_set with (security_invoker = true) as
with first_seen as (
  select partition, organization_id, metric_name, event_day, dimensions,
    min(array[sequence, "offset", index]) as place
  from events_by_commit
  where dimensions <> '' and sequence is not null
  group by 1, 2, 3, 4, 5
),
kept as (
  select *, row_number() over (partition by partition, organization_id, metric_name, event_day order by place) <= 1000
    as apart
  from first_seen
)
select e.partition::integer as partition, e.organization_id, e.metric_name, e.event_day, e.sequence,
  to_timestamp(floor(extract(epoch from e.event_time) / 900) * 900) as quarter,
  dimension_set_of(case when e.dimensions = '' or k.apart then e.dimensions else 'other' end) as dimension_set,
  e.quantity,
  array[extract(epoch from e.event_time), e.sequence, e."offset", e.index, e.quantity] as logged
from events_by_commit e
left join kept k using (partition, organization_id, metric_name, event_day, dimensions);

grant select on events_by_commit, events_by_set to billing;
