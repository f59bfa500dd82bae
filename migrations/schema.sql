-- The schema of one shard after all migrations, dumped from its catalog: read it in reviews, change it by a
-- migration. A test keeps it fresh; ODOMETER_UPDATE_SCHEMA=1 makes that test write it.

create table audit_log (
  id bigint generated always as identity not null,
  at timestamp with time zone default clock_timestamp() not null,
  login text not null,
  decided_by text,
  decided_why text,
  subject text not null,
  action text not null,
  before jsonb,
  after jsonb
);
create table commit_ledger (
  partition integer not null,
  sequence bigint not null,
  generation integer not null,
  from_offset bigint not null,
  to_offset bigint not null,
  records bigint not null,
  seen bigint not null,
  inserted bigint not null,
  duplicate bigint not null,
  quarantined bigint not null,
  foreign_records bigint not null,
  write_statements integer not null,
  segment_version integer not null,
  map_version integer not null,
  source text not null,
  days jsonb not null,
  decided_by text,
  decided_why text,
  previous_hash bytea not null,
  hash bytea not null,
  committed_at timestamp with time zone not null,
  conflicts integer default 0 not null,
  quarantine_digest text,
  conflicts_digest text
);
create table partition_progress (
  partition integer not null,
  generation integer not null,
  first_offset bigint not null,
  next_offset bigint not null,
  record_hash bytea,
  checked_ranges integer default 0 not null,
  halted boolean default false not null,
  halt_code text,
  halt_reason text,
  halted_at timestamp with time zone,
  log_end bigint,
  observed_at timestamp with time zone,
  complete_through timestamp with time zone,
  updated_at timestamp with time zone default now() not null,
  closed_before date
) with (fillfactor=50);
create table quarantine (
  partition integer not null,
  generation integer not null,
  "offset" bigint not null,
  index integer not null,
  code text not null,
  bytes bytea not null,
  quarantined_at timestamp with time zone default now() not null
);
create table schema_migrations (
  version integer not null,
  name text not null,
  checksum text not null,
  applied_at timestamp with time zone default now() not null
);
create table shard_identity (
  only_row boolean default true not null,
  shard smallint not null,
  topic_id text not null,
  map_version integer not null,
  closed_before date,
  created_at timestamp with time zone default now() not null
);
create table usage_conflicts (
  partition integer not null,
  generation integer not null,
  "offset" bigint not null,
  index integer not null,
  organization_id text collate "C" not null,
  key_hash uuid not null,
  event_day date not null,
  fingerprint uuid not null,
  first_day date not null,
  first_offset bigint not null,
  first_index integer not null,
  first_fingerprint uuid not null,
  found_at timestamp with time zone default now() not null
);
create table usage_events (
  key_hash uuid not null,
  fingerprint uuid not null,
  "offset" bigint not null,
  event_time timestamp with time zone not null,
  created_at timestamp with time zone not null,
  processed_at timestamp with time zone default now() not null,
  index integer not null,
  event_day date not null,
  shard_id smallint not null,
  partition smallint not null,
  undated boolean not null,
  quantity numeric not null,
  organization_id text collate "C" not null,
  metric_name text collate "C" not null,
  idempotency_key text collate "C" not null,
  properties bytea
) partition by LIST (event_day);
create table usage_rollups (
  partition integer not null,
  organization_id text collate "C" not null,
  metric_name text collate "C" not null,
  quarter timestamp with time zone not null,
  total numeric not null,
  event_count bigint not null
) with (fillfactor=70);
alter table usage_events alter column properties set storage external;
alter table audit_log add constraint audit_log_pkey PRIMARY KEY (id);
alter table commit_ledger add constraint commit_ledger_conflicts CHECK (((conflicts >= 0) AND (conflicts <= duplicate)));
alter table commit_ledger add constraint commit_ledger_days_check CHECK ((jsonb_typeof(days) = 'array'::text));
alter table commit_ledger add constraint commit_ledger_decision CHECK ((((source = 'decision'::text) = (decided_by IS NOT NULL)) AND ((source = 'decision'::text) = (decided_why IS NOT NULL))));
alter table commit_ledger add constraint commit_ledger_duplicate_check CHECK ((duplicate >= 0));
alter table commit_ledger add constraint commit_ledger_foreign_records_check CHECK ((foreign_records >= 0));
alter table commit_ledger add constraint commit_ledger_from_offset_check CHECK ((from_offset >= 0));
alter table commit_ledger add constraint commit_ledger_hash_check CHECK ((octet_length(hash) = 32));
alter table commit_ledger add constraint commit_ledger_inserted_check CHECK ((inserted >= 0));
alter table commit_ledger add constraint commit_ledger_pkey PRIMARY KEY (partition, sequence);
alter table commit_ledger add constraint commit_ledger_previous_hash_check CHECK ((octet_length(previous_hash) = 32));
alter table commit_ledger add constraint commit_ledger_quarantined_check CHECK ((quarantined >= 0));
alter table commit_ledger add constraint commit_ledger_records CHECK (((records = (to_offset - from_offset)) AND (records >= 0)));
alter table commit_ledger add constraint commit_ledger_seen CHECK ((seen = ((inserted + duplicate) + quarantined)));
alter table commit_ledger add constraint commit_ledger_sequence_check CHECK ((sequence > 0));
alter table commit_ledger add constraint commit_ledger_source_check CHECK ((source = ANY (ARRAY['segments'::text, 'log'::text, 'mixed'::text, 'decision'::text])));
alter table commit_ledger add constraint commit_ledger_write_statements_check CHECK ((write_statements >= 0));
alter table partition_progress add constraint partition_progress_check CHECK ((next_offset >= first_offset));
alter table partition_progress add constraint partition_progress_check1 CHECK (((halted = (halt_code IS NOT NULL)) AND (halted = (halted_at IS NOT NULL))));
alter table partition_progress add constraint partition_progress_checked_ranges_check CHECK ((checked_ranges >= 0));
alter table partition_progress add constraint partition_progress_first_offset_check CHECK ((first_offset >= 0));
alter table partition_progress add constraint partition_progress_generation_check CHECK ((generation >= 0));
alter table partition_progress add constraint partition_progress_log_end_check CHECK ((log_end >= 0));
alter table partition_progress add constraint partition_progress_partition_check CHECK ((partition >= 0));
alter table partition_progress add constraint partition_progress_pkey PRIMARY KEY (partition);
alter table partition_progress add constraint partition_progress_record_hash_check CHECK ((octet_length(record_hash) = 32));
alter table quarantine add constraint quarantine_index_check CHECK ((index >= '-1'::integer));
alter table quarantine add constraint quarantine_pkey PRIMARY KEY (partition, generation, "offset", index);
alter table schema_migrations add constraint schema_migrations_pkey PRIMARY KEY (version);
alter table shard_identity add constraint shard_identity_map_version_check CHECK ((map_version > 0));
alter table shard_identity add constraint shard_identity_only_row_check CHECK (only_row);
alter table shard_identity add constraint shard_identity_pkey PRIMARY KEY (only_row);
alter table shard_identity add constraint shard_identity_shard_check CHECK ((shard >= 0));
alter table shard_identity add constraint shard_identity_topic_id_check CHECK ((topic_id <> ''::text));
alter table usage_conflicts add constraint usage_conflicts_pkey PRIMARY KEY (partition, generation, "offset", index);
alter table usage_events add constraint usage_events_quantity CHECK (((abs(quantity) < '100000000000000000000'::numeric) AND (scale(quantity) <= 18)));
alter table usage_events add constraint usage_events_sealed CHECK ((octet_length(properties) > 45));
alter table usage_rollups add constraint usage_rollups_event_count_check CHECK ((event_count > 0));
alter table usage_rollups add constraint usage_rollups_pkey PRIMARY KEY (partition, organization_id, metric_name, quarter);
alter table usage_rollups add constraint usage_rollups_total_check CHECK (((total < 'Infinity'::numeric) AND (total > '-Infinity'::numeric)));
CREATE INDEX commit_ledger_committed_at ON public.commit_ledger USING brin (committed_at) WITH (pages_per_range='8', autosummarize='on');
CREATE UNIQUE INDEX commit_ledger_from ON public.commit_ledger USING btree (partition, generation, from_offset) WHERE (to_offset > from_offset);
CREATE INDEX quarantine_newest ON public.quarantine USING btree (quarantined_at, partition, generation, "offset", index);
CREATE INDEX usage_conflicts_newest ON public.usage_conflicts USING btree (found_at, partition, generation, "offset", index);
CREATE INDEX usage_conflicts_organization ON public.usage_conflicts USING btree (organization_id, event_day);
CREATE INDEX usage_events_created_at ON ONLY public.usage_events USING brin (created_at) WITH (autosummarize='on');
CREATE UNIQUE INDEX usage_events_identity ON ONLY public.usage_events USING btree (key_hash, event_day);
create view closed_days with (security_invoker=true) as
 SELECT l.partition,
    d.day,
    l.sequence,
    d.count,
    d.sums
   FROM (commit_ledger l
     CROSS JOIN LATERAL jsonb_to_recordset(l.days) d(day date, count bigint, digest text, sums text))
  WHERE (d.digest IS NULL);
create view events_by_commit with (security_invoker=true) as
 WITH ranges AS (
         SELECT commit_ledger.partition,
            count(*) OVER (PARTITION BY commit_ledger.partition) AS generations,
            array_agg(commit_ledger.from_offset ORDER BY commit_ledger.from_offset) AS froms,
            array_agg(commit_ledger.to_offset ORDER BY commit_ledger.from_offset) AS tos,
            array_agg(commit_ledger.sequence ORDER BY commit_ledger.from_offset) AS sequences,
            array_agg(commit_ledger.committed_at ORDER BY commit_ledger.from_offset) AS times
           FROM commit_ledger
          WHERE (commit_ledger.to_offset > commit_ledger.from_offset)
          GROUP BY commit_ledger.partition, commit_ledger.generation
        )
 SELECT e.key_hash,
    e.fingerprint,
    e."offset",
    e.event_time,
    e.created_at,
    e.processed_at,
    e.index,
    e.event_day,
    e.shard_id,
    e.partition,
    e.undated,
    e.quantity,
    e.organization_id,
    e.metric_name,
    e.idempotency_key,
    e.properties,
    COALESCE(r.generations, (1)::bigint) AS generations,
        CASE
            WHEN ((e."offset" < r.tos[found.place]) AND ((r.generations = 1) OR (r.times[found.place] = date_trunc('milliseconds'::text, e.processed_at)))) THEN r.sequences[found.place]
            ELSE NULL::bigint
        END AS sequence
   FROM ((usage_events e
     LEFT JOIN ranges r ON ((r.partition = e.partition)))
     CROSS JOIN LATERAL ( SELECT width_bucket(e."offset", r.froms) AS place) found);
create view vw_cache_metrics with (security_invoker=true) as
 SELECT count(*) AS commits,
    COALESCE(sum(inserted), (0)::numeric) AS events,
    COALESCE(sum(seen), (0)::numeric) AS events_seen,
    COALESCE(sum(write_statements), (0)::bigint) AS write_statements,
    round(((100)::numeric * ((1)::numeric - ((sum(write_statements))::numeric / NULLIF(((2)::numeric * sum(inserted)), (0)::numeric)))), 4) AS write_reduction,
    round((((100)::numeric * COALESCE(sum(records) FILTER (WHERE (source = 'segments'::text)), (0)::numeric)) / NULLIF(sum(records), (0)::numeric)), 4) AS records_from_segments
   FROM commit_ledger
  WHERE ((committed_at > (now() - '00:01:00'::interval)) AND (source <> 'decision'::text));
CREATE OR REPLACE FUNCTION public.add_rollups(of_partition integer, organizations text[], metrics text[], quarters bigint[], totals numeric[], counts bigint[])
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
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
$function$;
CREATE OR REPLACE FUNCTION public.digest_of_sums(of_partition integer, of_day date, OUT count bigint, OUT sums text)
 RETURNS record
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
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
$function$;
CREATE OR REPLACE FUNCTION public.keep_days_closed()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
begin
  if new.closed_before >= old.closed_before then
    return new;
  end if;
  raise exception '%: days before % are closed', tg_table_name, old.closed_before using errcode = 'check_violation';
end
$function$;
CREATE OR REPLACE FUNCTION public.leaf_of(day date, today date)
 RETURNS text
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
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
$function$;
CREATE OR REPLACE FUNCTION public.make_usage_day(day date)
 RETURNS boolean
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
 SET lock_timeout TO '4s'
AS $function$
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
$function$;
CREATE OR REPLACE FUNCTION public.write_audit()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
begin
  insert into public.audit_log (login, decided_by, decided_why, subject, action, before, after)
  values (
    session_user,
    nullif(current_setting('odometer.decided_by', true), ''),
    nullif(current_setting('odometer.decided_why', true), ''),
    tg_table_name,
    lower(tg_op),
    case when tg_op <> 'INSERT' then to_jsonb(old) end,
    case when tg_op <> 'DELETE' then to_jsonb(new) end);
  return null;
end
$function$;
CREATE TRIGGER audit_halt AFTER UPDATE ON public.partition_progress FOR EACH ROW WHEN (((old.halted IS DISTINCT FROM new.halted) OR (old.generation <> new.generation) OR (old.first_offset <> new.first_offset))) EXECUTE FUNCTION write_audit();
CREATE TRIGGER audit_rows AFTER INSERT OR DELETE ON public.partition_progress FOR EACH ROW EXECUTE FUNCTION write_audit();
CREATE TRIGGER keep_days_closed BEFORE UPDATE OF closed_before ON public.partition_progress FOR EACH ROW WHEN ((old.closed_before IS NOT NULL)) EXECUTE FUNCTION keep_days_closed();
CREATE TRIGGER audit_identity AFTER INSERT OR DELETE OR UPDATE ON public.shard_identity FOR EACH ROW EXECUTE FUNCTION write_audit();
CREATE TRIGGER keep_days_closed BEFORE UPDATE OF closed_before ON public.shard_identity FOR EACH ROW WHEN ((old.closed_before IS NOT NULL)) EXECUTE FUNCTION keep_days_closed();
alter table partition_progress enable row level security, force row level security;
alter table quarantine enable row level security, force row level security;
alter table usage_conflicts enable row level security, force row level security;
alter table usage_events enable row level security, force row level security;
alter table usage_rollups enable row level security, force row level security;
create policy operator on partition_progress for select to billing using (true);
create policy owner on partition_progress for all to odometer_owner using (true) with check (true);
create policy reader on partition_progress for select to odometer_reader using (true);
create policy writer on partition_progress for all to odometer_writer using (true) with check (true);
create policy operator on quarantine for select to billing using (true);
create policy writer on quarantine for all to odometer_writer using (true) with check (true);
create policy operator on usage_conflicts for select to billing using (true);
create policy tenant on usage_conflicts for select to odometer_reader using ((organization_id = NULLIF(current_setting('odometer.organization'::text, true), ''::text)));
create policy writer on usage_conflicts for all to odometer_writer using (true) with check (true);
create policy operator on usage_events for select to billing using (true);
create policy tenant on usage_events for select to odometer_reader using ((organization_id = NULLIF(current_setting('odometer.organization'::text, true), ''::text)));
create policy writer on usage_events for select to odometer_writer using (true);
create policy operator on usage_rollups for select to billing using (true);
create policy tenant on usage_rollups for select to odometer_reader using ((organization_id = NULLIF(current_setting('odometer.organization'::text, true), ''::text)));
create policy totals on usage_rollups for all to odometer_owner using ((current_setting('odometer.within_totals'::text, true) = 'on'::text)) with check ((current_setting('odometer.within_totals'::text, true) = 'on'::text));
grant select on audit_log to billing;
grant select on closed_days to billing;
grant select on commit_ledger to billing;
grant insert, select on commit_ledger to odometer_writer;
grant select on events_by_commit to billing;
grant select on partition_progress to billing;
grant select on partition_progress to odometer_writer;
grant select on quarantine to billing;
grant insert, select on quarantine to odometer_writer;
grant select on schema_migrations to billing;
grant select on shard_identity to billing;
grant select on shard_identity to odometer_reader;
grant select on shard_identity to odometer_writer;
grant select on usage_conflicts to billing;
grant select on usage_conflicts to odometer_reader;
grant insert, select on usage_conflicts to odometer_writer;
grant select on usage_events to billing;
grant select on usage_events to odometer_reader;
grant select on usage_events to odometer_writer;
grant select on usage_rollups to billing;
grant select on usage_rollups to odometer_reader;
grant select on vw_cache_metrics to billing;
grant select (partition, sequence, to_offset, records, seen, inserted, duplicate, quarantined, foreign_records, write_statements, source, committed_at, conflicts) on commit_ledger to odometer_reader;
grant select (partition, generation, first_offset, next_offset, halted, halt_code, log_end, observed_at, complete_through) on partition_progress to odometer_reader;
grant update (next_offset, record_hash, checked_ranges, halted, halt_code, halt_reason, halted_at, log_end, observed_at, complete_through, updated_at) on partition_progress to odometer_writer;
grant execute on function add_rollups(of_partition integer, organizations text[], metrics text[], quarters bigint[], totals numeric[], counts bigint[]) to odometer_writer;
grant execute on function digest_of_sums(of_partition integer, of_day date, OUT count bigint, OUT sums text) to billing;
grant execute on function leaf_of(day date, today date) to odometer_writer;
grant execute on function make_usage_day(day date) to odometer_writer;
grant usage on schema public to billing;
grant usage on schema public to odometer_reader;
grant usage on schema public to odometer_writer;
