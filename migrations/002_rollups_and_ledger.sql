-- Exact sums, the proof of every commit, and what was not counted.

-- Sum and count of one quarter hour: every time zone's day is a union of them. One writer a partition, so no
-- two writers meet on a row; sums have no bound (U13).
create table usage_rollups (
  partition integer not null,
  organization_id text collate "C" not null,
  metric_name text collate "C" not null,
  quarter timestamptz not null,
  total numeric not null check (total < 'infinity' and total > '-infinity'),
  event_count bigint not null check (event_count > 0),
  primary key (partition, organization_id, metric_name, quarter)
) with (fillfactor = 70);

-- One row a commit. Rows of a partition touch without holes or overlaps (U3) and form a hash chain (U12):
-- `hash` covers `previous_hash` and the text that shared/ledger/commit-hash.ts documents. An operator's
-- decision to skip offsets is a row too (source 'decision', with who and why), so that ranges still tile.
create table commit_ledger (
  partition integer not null,
  sequence bigint not null check (sequence > 0),
  generation integer not null,
  from_offset bigint not null check (from_offset >= 0),
  to_offset bigint not null,
  records bigint not null,
  seen bigint not null,
  inserted bigint not null check (inserted >= 0),
  duplicate bigint not null check (duplicate >= 0),
  quarantined bigint not null check (quarantined >= 0),
  foreign_records bigint not null check (foreign_records >= 0),
  write_statements integer not null check (write_statements >= 0),
  segment_version integer not null,
  map_version integer not null,
  source text not null check (source in ('segments', 'log', 'mixed', 'decision')),
  -- [{"day": "YYYY-MM-DD", "count": n, "digest": hex}] of the rows that this commit inserted.
  days jsonb not null check (jsonb_typeof(days) = 'array'),
  decided_by text,
  decided_why text,
  previous_hash bytea not null check (octet_length(previous_hash) = 32),
  hash bytea not null check (octet_length(hash) = 32),
  committed_at timestamptz not null,
  primary key (partition, sequence),
  constraint commit_ledger_records check (records = to_offset - from_offset and records >= 0),
  constraint commit_ledger_seen check (seen = inserted + duplicate + quarantined),
  constraint commit_ledger_decision check (
    (source = 'decision') = (decided_by is not null) and (source = 'decision') = (decided_why is not null)
  )
);

-- Records and events that are kept aside instead of being counted, with their original bytes.
create table quarantine (
  partition integer not null,
  generation integer not null,
  "offset" bigint not null,
  -- The event's index in its envelope; -1 for a whole record.
  index integer not null check (index >= -1),
  code text not null,
  bytes bytea not null,
  quarantined_at timestamptz not null default now(),
  primary key (partition, generation, "offset", index)
);

-- Duplicates whose payload differs from what was counted under their key.
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
  found_at timestamptz not null default now(),
  primary key (partition, generation, "offset", index)
);

-- The ledger's last 60 seconds. write_reduction compares the statements that were executed with a service
-- that writes through: two statements an event (insert the event, update the total).
create view vw_cache_metrics with (security_invoker = true) as
select
  count(*) as commits,
  coalesce(sum(inserted), 0) as events,
  coalesce(sum(seen), 0) as events_seen,
  coalesce(sum(write_statements), 0) as write_statements,
  round(100 * (1 - sum(write_statements)::numeric / nullif(2 * sum(inserted), 0)), 4) as write_reduction,
  round(100 * coalesce(sum(records) filter (where source = 'segments'), 0) / nullif(sum(records), 0), 4)
    as records_from_segments
from commit_ledger
where committed_at > now() - interval '60 seconds' and source <> 'decision';
