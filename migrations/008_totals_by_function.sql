-- The proof reaches the totals (U11, U12): one function changes them, a closed day's have a digest, and two views say
-- which commit a row belongs to, and which days are closed.

-- Totals are under row-level security that binds the owner too, so the functions below, which run as the owner,
-- need a policy. It holds while they work only: a session of the owner still reads no tenant's total. (A managed
-- server lets nobody write a setting of our own into a function's definition, so they set it themselves.)
create policy totals on usage_rollups to current_user
  using (current_setting('odometer.within_totals', true) = 'on')
  with check (current_setting('odometer.within_totals', true) = 'on');

-- The one way for the writer to change totals (U11): sums are added, and a count never falls, so a stolen login
-- can neither lower a count nor replace a total. Arrays are sorted by the primary key, so that writers cannot
-- deadlock. Quarters are quarter hours since 1970.
create function add_rollups(of_partition integer, organizations text[], metrics text[], quarters bigint[],
  totals numeric[], counts bigint[]) returns void
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
  -- Arrays of different lengths are filled with nulls, which no column takes.
  insert into public.usage_rollups as r (partition, organization_id, metric_name, quarter, total, event_count)
  select of_partition, organization, metric, to_timestamp(quarter * 900), total, added
  from unnest(organizations, metrics, quarters, totals, counts) as u (organization, metric, quarter, total, added)
  on conflict (partition, organization_id, metric_name, quarter)
  do update set total = r.total + excluded.total, event_count = r.event_count + excluded.event_count;
  perform set_config('odometer.within_totals', '', true);
end
$$;
revoke all on function add_rollups(integer, text[], text[], bigint[], numeric[], bigint[]) from public;
grant execute on function add_rollups(integer, text[], text[], bigint[], numeric[], bigint[]) to odometer_writer;

drop policy writer on usage_rollups;
revoke all on usage_rollups from odometer_writer;

-- The sums digest (shared/ledger/digests.ts) of all totals of one partition and UTC day, and the events in them.
-- The ledger row that closes a day holds both, because the rows from which they could be added up again are gone.
create function digest_of_sums(of_partition integer, of_day date, out count bigint, out sums text)
language plpgsql stable security definer
set search_path = pg_catalog, public, pg_temp
as $$
begin
  perform set_config('odometer.within_totals', 'on', true);
  select coalesce(sum(event_count), 0), encode(sha256(convert_to(coalesce(string_agg(
      organization_id || E'\n' || metric_name || E'\n' || extract(epoch from quarter)::bigint / 900 || E'\n'
        || trim_scale(total) || E'\n' || event_count || E'\n',
      '' order by organization_id, metric_name, quarter), ''), 'UTF8')), 'hex')
  into count, sums
  from public.usage_rollups
  where partition = of_partition
    and quarter >= of_day::timestamp at time zone 'UTC'
    and quarter < (of_day + 1)::timestamp at time zone 'UTC';
  perform set_config('odometer.within_totals', '', true);
end
$$;
revoke all on function digest_of_sums(integer, date) from public;
grant execute on function digest_of_sums(integer, date) to billing;

-- The days that were closed, with what their totals were then; the ledger row that closes a day has no digest of rows.
create view closed_days with (security_invoker = true) as
select l.partition, d.day, l.sequence, d.count, d.sums
from commit_ledger l
cross join jsonb_to_recordset(l.days) d (day date, count bigint, digest text, sums text)
where d.digest is null;

-- Counted events, each with the sequence of the commit that inserted it: found by binary search in the offsets of its
-- partition, or null. Offsets repeat in the generations of a partition, so there the time of the commit decides too;
-- such an event is here once for each of the `generations`, with a sequence in one at most.
create view events_by_commit with (security_invoker = true) as
with ranges as (
  select partition, count(*) over (partition by partition) as generations,
    array_agg(from_offset order by from_offset) as froms, array_agg(to_offset order by from_offset) as tos,
    array_agg(sequence order by from_offset) as sequences, array_agg(committed_at order by from_offset) as times
  from commit_ledger
  where to_offset > from_offset
  group by partition, generation
)
select e.*, coalesce(r.generations, 1) as generations,
  case when e."offset" < r.tos[found.place]
    and (r.generations = 1 or r.times[found.place] = date_trunc('milliseconds', e.processed_at))
    then r.sequences[found.place] end as sequence
from usage_events e
left join ranges r on r.partition = e.partition
cross join lateral (select width_bucket(e."offset", r.froms) as place) found;

grant select on closed_days, events_by_commit to billing;
