-- Roles and what they may see (U10). No role has BYPASSRLS and nothing here needs a superuser. Roles belong to
-- the server, so another database of it may have made them already, or may be making them now.
do $$
declare
  login text;
begin
  foreach login in array array['odometer_writer', 'odometer_reader', 'billing'] loop
    begin
      if not exists (select from pg_roles where rolname = login) then
        execute format('create role %I login', login);
      end if;
    exception when duplicate_object or unique_violation then
      null;
    end;
  end loop;
  -- A managed server may pass on only the wider role, or neither: then the operator sees its own sessions only.
  foreach login in array array['pg_read_all_stats', 'pg_monitor'] loop
    exit when pg_has_role('billing', 'pg_read_all_stats', 'usage');
    begin
      execute format('grant %I to billing', login);
    exception when insufficient_privilege then
      null;
    end;
  end loop;
  execute format('revoke all on database %I from public', current_database());
  execute format('grant connect on database %I to odometer_writer, odometer_reader, billing', current_database());
  execute format('grant temporary on database %I to odometer_writer', current_database());
end
$$;

revoke all on schema public from public;
grant usage on schema public to odometer_writer, odometer_reader, billing;

-- The flusher. It can neither delete nor change a counted event, a ledger row or a quarantined record, and
-- it cannot make a progress row: a partition that is not this shard's is an error, never filled.
grant select on shard_identity, usage_events to odometer_writer;
grant select on partition_progress to odometer_writer;
grant update (next_offset, record_hash, checked_ranges, halted, halt_code, halt_reason, halted_at,
  log_end, observed_at, complete_through, updated_at) on partition_progress to odometer_writer;
grant select, insert, update on usage_rollups to odometer_writer;
grant select, insert on commit_ledger, quarantine, usage_conflicts to odometer_writer;
grant execute on function make_usage_day(date) to odometer_writer;

-- The query function. Parents only: policies of a parent do not cover a leaf that is read by its own name.
grant select on usage_events, usage_rollups, usage_conflicts to odometer_reader;
grant select (partition, generation, first_offset, next_offset, log_end, observed_at, complete_through)
  on partition_progress to odometer_reader;
grant select on shard_identity to odometer_reader;

-- The operator.
grant select on shard_identity, partition_progress, usage_events, usage_rollups, commit_ledger, quarantine,
  usage_conflicts, vw_cache_metrics, schema_migrations to billing;

-- FORCE: the owner is subject to the policies too, so even it reads no tenant's row.
alter table usage_events enable row level security, force row level security;
alter table usage_rollups enable row level security, force row level security;
alter table usage_conflicts enable row level security, force row level security;
alter table quarantine enable row level security, force row level security;
alter table partition_progress enable row level security, force row level security;

create policy writer on usage_events for select to odometer_writer using (true);
create policy writer on usage_rollups to odometer_writer using (true) with check (true);
create policy writer on usage_conflicts to odometer_writer using (true) with check (true);
create policy writer on quarantine to odometer_writer using (true) with check (true);
create policy writer on partition_progress to odometer_writer using (true) with check (true);

-- The tenant is set for one transaction by one wrapper; without it the comparison is null: no rows.
create policy tenant on usage_events for select to odometer_reader
  using (organization_id = nullif(current_setting('odometer.organization', true), ''));
create policy tenant on usage_rollups for select to odometer_reader
  using (organization_id = nullif(current_setting('odometer.organization', true), ''));
create policy tenant on usage_conflicts for select to odometer_reader
  using (organization_id = nullif(current_setting('odometer.organization', true), ''));
-- Offsets and times of a partition belong to no tenant.
create policy reader on partition_progress for select to odometer_reader using (true);

create policy operator on usage_events for select to billing using (true);
create policy operator on usage_rollups for select to billing using (true);
create policy operator on usage_conflicts for select to billing using (true);
create policy operator on quarantine for select to billing using (true);
create policy operator on partition_progress for select to billing using (true);

-- Migrations make progress rows, and an operator's decision changes them.
create policy owner on partition_progress to current_user using (true) with check (true);
