-- Totals are changed by one function, and the totals of a day have a digest, which outlives its rows.

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

-- The sums digest (shared/ledger/commit-hash.ts) of all totals of one partition and UTC day, and the events in them.
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
