-- The schema of one shard after all migrations, dumped from its catalog: read it in reviews, change it by a
-- migration. A test keeps it fresh; ODOMETER_UPDATE_SCHEMA=1 makes that test write it.

create table api_key_state (
  one boolean default true not null,
  changes bigint default 0 not null,
  compared_at timestamp with time zone
);
create table api_key_uses (
  id text not null,
  used_at timestamp with time zone not null
);
create table api_keys (
  id text not null,
  hash bytea not null,
  owner text not null,
  scopes text[] not null,
  organizations text[],
  keys_required boolean not null,
  created_by text not null,
  created_at timestamp with time zone not null,
  expires_at timestamp with time zone,
  revoked_at timestamp with time zone,
  version integer not null,
  change bigint not null
);
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
create table usage_dimension_sets (
  partition integer not null,
  organization_id text collate "C" not null,
  metric_name text collate "C" not null,
  event_day date not null,
  number smallint not null,
  dimension_set uuid not null,
  dimensions text collate "C" not null
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
  properties bytea,
  dimensions text collate "C" default ''::text not null
) partition by LIST (event_day);
create table usage_rollups (
  partition integer not null,
  organization_id text collate "C" not null,
  metric_name text collate "C" not null,
  quarter timestamp with time zone not null,
  total numeric not null,
  event_count bigint not null,
  dimension_set uuid default '00000000-0000-0000-0000-000000000000'::uuid not null,
  minimum numeric,
  maximum numeric,
  latest numeric,
  latest_at timestamp with time zone
) with (fillfactor=70);
alter table usage_events alter column properties set storage external;
alter table api_key_state add constraint api_key_state_one_check CHECK (one);
alter table api_key_state add constraint api_key_state_pkey PRIMARY KEY (one);
alter table api_key_uses add constraint api_key_uses_id_fkey FOREIGN KEY (id) REFERENCES api_keys(id);
alter table api_key_uses add constraint api_key_uses_pkey PRIMARY KEY (id);
alter table api_keys add constraint api_keys_change_key UNIQUE (change);
alter table api_keys add constraint api_keys_hash_check CHECK ((octet_length(hash) = 32));
alter table api_keys add constraint api_keys_id_check CHECK ((id ~ '^[0-9a-z]{16}$'::text));
alter table api_keys add constraint api_keys_organizations_check CHECK ((cardinality(organizations) > 0));
alter table api_keys add constraint api_keys_owner_check CHECK (((length(owner) >= 1) AND (length(owner) <= 128)));
alter table api_keys add constraint api_keys_pkey PRIMARY KEY (id);
alter table api_keys add constraint api_keys_scopes_check CHECK ((cardinality(scopes) > 0));
alter table api_keys add constraint api_keys_version_check CHECK ((version > 0));
alter table audit_log add constraint audit_log_pkey PRIMARY KEY (id);
alter table commit_ledger add constraint commit_ledger_closing CHECK ((((source = 'decision'::text) AND (to_offset = from_offset)) OR (NOT (days @? '$[*]?(!(exists (@."digest"?(@.type() == "string"))))'::jsonpath)))) NOT VALID;
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
alter table usage_dimension_sets add constraint usage_dimension_sets_number_check CHECK (((number >= 1) AND (number <= 1000)));
alter table usage_dimension_sets add constraint usage_dimension_sets_partition_organization_id_metric_name__key UNIQUE (partition, organization_id, metric_name, event_day, number);
alter table usage_dimension_sets add constraint usage_dimension_sets_pkey PRIMARY KEY (partition, organization_id, metric_name, event_day, dimension_set);
alter table usage_events add constraint usage_events_quantity CHECK (((abs(quantity) < '100000000000000000000'::numeric) AND (scale(quantity) <= 18)));
alter table usage_events add constraint usage_events_sealed CHECK ((octet_length(properties) > 45));
alter table usage_rollups add constraint usage_rollups_event_count_check CHECK ((event_count > 0));
alter table usage_rollups add constraint usage_rollups_pkey PRIMARY KEY (partition, organization_id, metric_name, quarter, dimension_set);
alter table usage_rollups add constraint usage_rollups_total_check CHECK (((total < 'Infinity'::numeric) AND (total > '-Infinity'::numeric)));
CREATE INDEX api_keys_owner ON public.api_keys USING btree (owner);
CREATE INDEX commit_ledger_committed_at ON public.commit_ledger USING brin (committed_at) WITH (pages_per_range='8', autosummarize='on');
CREATE INDEX commit_ledger_days ON public.commit_ledger USING gin (jsonb_path_query_array(days, '$[*]."day"'::jsonpath)) WITH (fastupdate=off);
CREATE INDEX commit_ledger_decisions ON public.commit_ledger USING btree (partition, sequence) WHERE (source = 'decision'::text);
CREATE UNIQUE INDEX commit_ledger_from ON public.commit_ledger USING btree (partition, generation, from_offset) WHERE (to_offset > from_offset);
CREATE INDEX quarantine_newest ON public.quarantine USING btree (quarantined_at, partition, generation, "offset", index);
CREATE INDEX usage_conflicts_key ON public.usage_conflicts USING btree (key_hash, event_day);
CREATE INDEX usage_conflicts_newest ON public.usage_conflicts USING btree (found_at, partition, generation, "offset", index);
CREATE INDEX usage_conflicts_organization ON public.usage_conflicts USING btree (organization_id, event_day);
CREATE INDEX usage_events_created_at ON ONLY public.usage_events USING brin (created_at) WITH (autosummarize='on');
CREATE UNIQUE INDEX usage_events_identity ON ONLY public.usage_events USING btree (key_hash, event_day);
CREATE INDEX usage_events_lookups ON ONLY public.usage_events USING brin (processed_at, event_time timestamptz_minmax_multi_ops, organization_id text_bloom_ops) WITH (autosummarize='on');
CREATE INDEX usage_rollups_quarter ON public.usage_rollups USING btree (quarter, partition);
create view closed_days with (security_invoker=true) as
 SELECT l.partition,
    d.day,
    l.sequence,
    d.count,
    d.sums
   FROM (commit_ledger l
     CROSS JOIN LATERAL jsonb_to_recordset(l.days) d(day date, count bigint, digest text, sums text))
  WHERE ((l.source = 'decision'::text) AND (d.digest IS NULL));
create view events_by_commit with (security_invoker=true) as
 WITH RECURSIVE named(partition, generation) AS (
         SELECT p.partition,
            ( SELECT min(l.generation) AS min
                   FROM commit_ledger l
                  WHERE ((l.partition = p.partition) AND (l.to_offset > l.from_offset))) AS min
           FROM partition_progress p
        UNION ALL
         SELECT n.partition,
            ( SELECT min(l.generation) AS min
                   FROM commit_ledger l
                  WHERE ((l.partition = n.partition) AND (l.to_offset > l.from_offset) AND (l.generation > n.generation))) AS min
           FROM named n
          WHERE (n.generation IS NOT NULL)
        ), generations AS (
         SELECT named.partition,
            named.generation,
            count(*) OVER (PARTITION BY named.partition) AS generations
           FROM named
          WHERE (named.generation IS NOT NULL)
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
    e.dimensions,
    found.sequence
   FROM (usage_events e
     LEFT JOIN LATERAL ( SELECT last.sequence
           FROM (generations g
             CROSS JOIN LATERAL ( SELECT l.sequence,
                    l.to_offset,
                    l.committed_at
                   FROM commit_ledger l
                  WHERE ((l.partition = e.partition) AND (l.generation = g.generation) AND (l.to_offset > l.from_offset) AND (l.from_offset <= e."offset"))
                  ORDER BY l.from_offset DESC
                 LIMIT 1) last)
          WHERE ((g.partition = e.partition) AND (e."offset" < last.to_offset) AND ((g.generations = 1) OR (last.committed_at = date_trunc('milliseconds'::text, e.processed_at))))
          ORDER BY g.generation DESC
         LIMIT 1) found ON (true));
create view events_by_set with (security_invoker=true) as
 WITH first_seen AS (
         SELECT events_by_commit.partition,
            events_by_commit.organization_id,
            events_by_commit.metric_name,
            events_by_commit.event_day,
            events_by_commit.dimensions,
            min(ARRAY[events_by_commit.sequence, events_by_commit."offset", (events_by_commit.index)::bigint]) AS place
           FROM events_by_commit
          WHERE ((events_by_commit.dimensions <> ''::text) AND (events_by_commit.sequence IS NOT NULL))
          GROUP BY events_by_commit.partition, events_by_commit.organization_id, events_by_commit.metric_name, events_by_commit.event_day, events_by_commit.dimensions
        ), kept AS (
         SELECT first_seen.partition,
            first_seen.organization_id,
            first_seen.metric_name,
            first_seen.event_day,
            first_seen.dimensions,
            first_seen.place,
            (row_number() OVER (PARTITION BY first_seen.partition, first_seen.organization_id, first_seen.metric_name, first_seen.event_day ORDER BY first_seen.place) <= 1000) AS apart
           FROM first_seen
        )
 SELECT (e.partition)::integer AS partition,
    e.organization_id,
    e.metric_name,
    e.event_day,
    e.sequence,
    to_timestamp(((floor((EXTRACT(epoch FROM e.event_time) / (900)::numeric)) * (900)::numeric))::double precision) AS quarter,
    dimension_set_of(
        CASE
            WHEN ((e.dimensions = ''::text) OR k.apart) THEN e.dimensions
            ELSE 'other'::text
        END) AS dimension_set,
    e.quantity,
    ARRAY[EXTRACT(epoch FROM e.event_time), (e.sequence)::numeric, (e."offset")::numeric, (e.index)::numeric, e.quantity] AS logged
   FROM (events_by_commit e
     LEFT JOIN kept k USING (partition, organization_id, metric_name, event_day, dimensions));
create view gone_days with (security_invoker=true) as
 SELECT partition,
    day
   FROM closed_days c
  WHERE (NOT (EXISTS ( SELECT
           FROM usage_days u
          WHERE (u.day = c.day))));
create view usage_days with () as
 SELECT DISTINCT (found.found[1])::date AS day
   FROM ((pg_inherits i
     JOIN pg_class c ON ((c.oid = i.inhrelid)))
     CROSS JOIN LATERAL regexp_matches(pg_get_expr(c.relpartbound, c.oid), '\d{4}-\d{2}-\d{2}'::text, 'g'::text) found(found))
  WHERE ((i.inhparent = ('usage_events'::regclass)::oid) AND (NOT i.inhdetachpending));
create view vw_cache_metrics with (security_invoker=true) as
 SELECT count(*) AS commits,
    COALESCE(sum(inserted), (0)::numeric) AS events,
    COALESCE(sum(seen), (0)::numeric) AS events_seen,
    COALESCE(sum(write_statements), (0)::bigint) AS write_statements,
    round(((100)::numeric * ((1)::numeric - ((sum(write_statements))::numeric / NULLIF(((2)::numeric * sum(inserted)), (0)::numeric)))), 4) AS write_reduction,
    round((((100)::numeric * COALESCE(sum(records) FILTER (WHERE (source = 'segments'::text)), (0)::numeric)) / NULLIF(sum(records), (0)::numeric)), 4) AS records_from_segments
   FROM commit_ledger
  WHERE ((committed_at > (now() - '00:01:00'::interval)) AND (source <> 'decision'::text));
CREATE OR REPLACE FUNCTION public.add_rollups(of_partition integer, organizations text[], metrics text[], quarters bigint[], sets uuid[], totals numeric[], counts bigint[], minima numeric[], maxima numeric[], latest_quantities numeric[], latest_ms bigint[])
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
$function$;
CREATE OR REPLACE FUNCTION public.add_rollups(of_partition integer, organizations text[], metrics text[], quarters bigint[], totals numeric[], counts bigint[])
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
begin
  perform public.add_rollups(of_partition, organizations, metrics, quarters,
    array_fill(public.dimension_set_of(''), array[cardinality(counts)]), totals, counts, null, null, null, null);
end
$function$;
CREATE OR REPLACE FUNCTION public.commit_of(of_partition integer, of_offset bigint, of_processed_at timestamp with time zone)
 RETURNS text
 LANGUAGE sql
 STABLE
AS $function$
  select encode(l.hash, 'hex')
  from generate_series(0, (select generation from partition_progress where partition = of_partition)) of_generation
  cross join lateral (
    select hash, to_offset, committed_at
    from commit_ledger
    where partition = of_partition and generation = of_generation and from_offset <= of_offset
      and to_offset > from_offset
    order by from_offset desc
    limit 1
  ) l
  where l.to_offset > of_offset and l.committed_at = date_trunc('milliseconds', of_processed_at)
  limit 1
$function$;
CREATE OR REPLACE FUNCTION public.commits_of_day(of_day date)
 RETURNS TABLE(partition integer, sequence bigint, from_offset bigint, count bigint, digest text, sums text)
 LANGUAGE sql
 STABLE ROWS 10000
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
  select l.partition, l.sequence, l.from_offset, d.count, d.digest, d.sums
  from public.commit_ledger l
  cross join jsonb_to_recordset(l.days) d (day date, count bigint, digest text, sums text)
  where jsonb_path_query_array(l.days, '$[*].day') ? to_char(of_day, 'YYYY-MM-DD')
    and d.day = of_day and d.digest is not null
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
$function$;
CREATE OR REPLACE FUNCTION public.dimension_set_of(dimensions text)
 RETURNS uuid
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select case dimensions
    when '' then '00000000-0000-0000-0000-000000000000'::uuid
    when 'other' then 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid
    else encode(substr(sha256(convert_to(dimensions, 'UTF8')), 1, 16), 'hex')::uuid
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
CREATE OR REPLACE FUNCTION public.keep_dimension_sets(of_partition integer, organizations text[], metrics text[], days date[], texts text[])
 RETURNS SETOF integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
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
$function$;
CREATE OR REPLACE FUNCTION public.keep_revoked()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
begin
  if new.version < old.version or (old.revoked_at is not null and new.revoked_at is null)
    or new.revoked_at > old.revoked_at or new.expires_at > old.expires_at
    or (old.expires_at is not null and new.expires_at is null) then
    raise exception 'a key gains nothing by a change' using errcode = 'check_violation';
  end if;
  return new;
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
$function$;
CREATE OR REPLACE FUNCTION public.refuse_decision()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'public', 'pg_temp'
AS $function$
begin
  if not pg_has_role((select relowner from pg_class where oid = tg_relid), 'member') then
    raise exception 'only the owner writes a decision into the ledger' using errcode = 'insufficient_privilege';
  end if;
  return new;
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
CREATE TRIGGER audit_keys AFTER INSERT OR DELETE OR UPDATE ON public.api_keys FOR EACH ROW EXECUTE FUNCTION write_audit();
CREATE TRIGGER keep_revoked BEFORE UPDATE ON public.api_keys FOR EACH ROW EXECUTE FUNCTION keep_revoked();
CREATE TRIGGER only_owner_decides BEFORE INSERT ON public.commit_ledger FOR EACH ROW WHEN (((new.source = 'decision'::text) OR (new.days @? '$[*]?(!(exists (@."digest"?(@.type() == "string"))))'::jsonpath))) EXECUTE FUNCTION refuse_decision();
CREATE TRIGGER audit_halt AFTER UPDATE ON public.partition_progress FOR EACH ROW WHEN (((old.halted IS DISTINCT FROM new.halted) OR (old.generation <> new.generation) OR (old.first_offset <> new.first_offset))) EXECUTE FUNCTION write_audit();
CREATE TRIGGER audit_rows AFTER INSERT OR DELETE ON public.partition_progress FOR EACH ROW EXECUTE FUNCTION write_audit();
CREATE TRIGGER keep_days_closed BEFORE UPDATE OF closed_before ON public.partition_progress FOR EACH ROW WHEN ((old.closed_before IS NOT NULL)) EXECUTE FUNCTION keep_days_closed();
CREATE TRIGGER audit_identity AFTER INSERT OR DELETE OR UPDATE ON public.shard_identity FOR EACH ROW EXECUTE FUNCTION write_audit();
CREATE TRIGGER keep_days_closed BEFORE UPDATE OF closed_before ON public.shard_identity FOR EACH ROW WHEN ((old.closed_before IS NOT NULL)) EXECUTE FUNCTION keep_days_closed();
alter table api_key_state enable row level security, force row level security;
alter table api_key_uses enable row level security, force row level security;
alter table api_keys enable row level security, force row level security;
alter table partition_progress enable row level security, force row level security;
alter table quarantine enable row level security, force row level security;
alter table usage_conflicts enable row level security, force row level security;
alter table usage_dimension_sets enable row level security, force row level security;
alter table usage_events enable row level security, force row level security;
alter table usage_rollups enable row level security, force row level security;
create policy authorizer on api_key_state for select to odometer_authorizer using (true);
create policy keys on api_key_state for all to odometer_keys using (true) with check (true);
create policy operator on api_key_state for select to billing using (true);
create policy authorizer on api_key_uses for all to odometer_authorizer using (true) with check (true);
create policy keys on api_key_uses for select to odometer_keys using (true);
create policy operator on api_key_uses for select to billing using (true);
create policy authorizer on api_keys for select to odometer_authorizer using (true);
create policy keys on api_keys for all to odometer_keys using (true) with check (true);
create policy operator on api_keys for select to billing using (true);
create policy operator on partition_progress for select to billing using (true);
create policy owner on partition_progress for all to odometer_owner using (true) with check (true);
create policy reader on partition_progress for select to odometer_reader using (true);
create policy writer on partition_progress for all to odometer_writer using (true) with check (true);
create policy across on quarantine for select to odometer_reader using ((current_setting('odometer.across_organizations'::text, true) = 'on'::text));
create policy operator on quarantine for select to billing using (true);
create policy writer on quarantine for all to odometer_writer using (true) with check (true);
create policy across on usage_conflicts for select to odometer_reader using ((current_setting('odometer.across_organizations'::text, true) = 'on'::text));
create policy operator on usage_conflicts for select to billing using (true);
create policy tenant on usage_conflicts for select to odometer_reader using ((organization_id = NULLIF(current_setting('odometer.organization'::text, true), ''::text)));
create policy writer on usage_conflicts for all to odometer_writer using (true) with check (true);
create policy operator on usage_dimension_sets for select to billing using (true);
create policy tenant on usage_dimension_sets for select to odometer_reader using ((organization_id = NULLIF(current_setting('odometer.organization'::text, true), ''::text)));
create policy totals on usage_dimension_sets for all to odometer_owner using ((current_setting('odometer.within_totals'::text, true) = 'on'::text)) with check ((current_setting('odometer.within_totals'::text, true) = 'on'::text));
create policy across on usage_events for select to odometer_reader using ((current_setting('odometer.across_organizations'::text, true) = 'on'::text));
create policy operator on usage_events for select to billing using (true);
create policy tenant on usage_events for select to odometer_reader using ((organization_id = NULLIF(current_setting('odometer.organization'::text, true), ''::text)));
create policy writer on usage_events for select to odometer_writer using (true);
create policy operator on usage_rollups for select to billing using (true);
create policy tenant on usage_rollups for select to odometer_reader using ((organization_id = NULLIF(current_setting('odometer.organization'::text, true), ''::text)));
create policy totals on usage_rollups for all to odometer_owner using ((current_setting('odometer.within_totals'::text, true) = 'on'::text)) with check ((current_setting('odometer.within_totals'::text, true) = 'on'::text));
grant select on api_key_state to billing;
grant select on api_key_state to odometer_authorizer;
grant select, update on api_key_state to odometer_keys;
grant select on api_key_uses to billing;
grant insert, select, update on api_key_uses to odometer_authorizer;
grant select on api_key_uses to odometer_keys;
grant select on api_keys to billing;
grant select on api_keys to odometer_authorizer;
grant insert, select on api_keys to odometer_keys;
grant select on audit_log to billing;
grant select on closed_days to billing;
grant select on commit_ledger to billing;
grant insert, select on commit_ledger to odometer_writer;
grant select on events_by_commit to billing;
grant select on events_by_set to billing;
grant select on gone_days to billing;
grant select on partition_progress to billing;
grant select on partition_progress to odometer_writer;
grant select on quarantine to billing;
grant select on quarantine to odometer_reader;
grant insert, select on quarantine to odometer_writer;
grant select on schema_migrations to billing;
grant select on shard_identity to billing;
grant select on shard_identity to odometer_authorizer;
grant select on shard_identity to odometer_keys;
grant select on shard_identity to odometer_reader;
grant select on shard_identity to odometer_writer;
grant select on usage_conflicts to billing;
grant select on usage_conflicts to odometer_reader;
grant insert, select on usage_conflicts to odometer_writer;
grant select on usage_days to billing;
grant select on usage_dimension_sets to billing;
grant select on usage_dimension_sets to odometer_reader;
grant select on usage_events to billing;
grant select on usage_events to odometer_reader;
grant select on usage_events to odometer_writer;
grant select on usage_rollups to billing;
grant select on usage_rollups to odometer_reader;
grant select on vw_cache_metrics to billing;
grant update (expires_at, revoked_at, version, change) on api_keys to odometer_keys;
grant select (partition, sequence, generation, from_offset, to_offset, records, seen, inserted, duplicate, quarantined, foreign_records, write_statements, source, days, hash, committed_at, conflicts) on commit_ledger to odometer_reader;
grant select (partition, generation, first_offset, next_offset, halted, halt_code, log_end, observed_at, complete_through) on partition_progress to odometer_reader;
grant update (next_offset, record_hash, checked_ranges, halted, halt_code, halt_reason, halted_at, log_end, observed_at, complete_through, updated_at) on partition_progress to odometer_writer;
grant execute on function add_rollups(of_partition integer, organizations text[], metrics text[], quarters bigint[], sets uuid[], totals numeric[], counts bigint[], minima numeric[], maxima numeric[], latest_quantities numeric[], latest_ms bigint[]) to odometer_writer;
grant execute on function add_rollups(of_partition integer, organizations text[], metrics text[], quarters bigint[], totals numeric[], counts bigint[]) to odometer_writer;
grant execute on function commit_of(of_partition integer, of_offset bigint, of_processed_at timestamp with time zone) to odometer_reader;
grant execute on function commits_of_day(of_day date) to billing;
grant execute on function digest_of_sums(of_partition integer, of_day date, OUT count bigint, OUT sums text) to billing;
grant execute on function dimension_set_of(dimensions text) to billing;
grant execute on function dimension_set_of(dimensions text) to odometer_reader;
grant execute on function dimension_set_of(dimensions text) to odometer_writer;
grant execute on function keep_dimension_sets(of_partition integer, organizations text[], metrics text[], days date[], texts text[]) to odometer_writer;
grant execute on function leaf_of(day date, today date) to odometer_writer;
grant execute on function make_usage_day(day date) to odometer_writer;
grant usage on schema public to billing;
grant usage on schema public to odometer_authorizer;
grant usage on schema public to odometer_keys;
grant usage on schema public to odometer_reader;
grant usage on schema public to odometer_writer;
