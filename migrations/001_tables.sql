-- What one shard is, how far each of its partitions is committed, and the counted events.

-- Nothing made by this owner is for PUBLIC; functions would be by default.
alter default privileges revoke execute on functions from public;

-- One row, checked on every new connection, so that a swapped address is refused, not filled (U9).
create table shard_identity (
  only_row boolean primary key default true check (only_row),
  shard smallint not null check (shard >= 0),
  topic_id text not null check (topic_id <> ''),
  map_version integer not null check (map_version > 0),
  -- Days before it are closed: their leaves are gone and are never made again.
  closed_before date,
  created_at timestamptz not null default now()
);

-- One row a partition: the compare-and-set of next_offset fences every commit (U3). Half-full pages keep its
-- updates on the page (HOT); no index may be added on a column that a commit changes.
create table partition_progress (
  partition integer primary key check (partition >= 0),
  generation integer not null check (generation >= 0),
  first_offset bigint not null check (first_offset >= 0),
  next_offset bigint not null,
  -- SHA-256 of the record at next_offset - 1 (U7); null before the first commit and after a skip.
  record_hash bytea check (octet_length(record_hash) = 32),
  checked_ranges integer not null default 0 check (checked_ranges >= 0),
  halted boolean not null default false,
  halt_code text,
  halt_reason text,
  halted_at timestamptz,
  log_end bigint check (log_end >= 0),
  observed_at timestamptz,
  complete_through timestamptz,
  updated_at timestamptz not null default now(),
  check (next_offset >= first_offset),
  check (halted = (halt_code is not null) and halted = (halted_at is not null))
) with (fillfactor = 50);

-- One row a counted event, one leaf a UTC day of event time: a day's rows are its duplicate memory. Wide
-- columns last and fixed widths by alignment, so that a row has no padding; COPY names its columns.
create table usage_events (
  key_hash uuid not null,
  fingerprint uuid not null,
  "offset" bigint not null,
  event_time timestamptz not null,
  created_at timestamptz not null,
  processed_at timestamptz not null default now(),
  index integer not null,
  event_day date not null,
  shard_id smallint not null,
  partition smallint not null,
  undated boolean not null,
  quantity numeric not null,
  organization_id text collate "C" not null,
  metric_name text collate "C" not null,
  idempotency_key text collate "C" not null,
  -- NaN and infinity sort above every number, so the first bound refuses them too; scale(NaN) is null.
  constraint usage_events_quantity check (abs(quantity) < 1e20 and scale(quantity) <= 18)
) partition by list (event_day);

-- Makes the leaf of one day where it is missing; false for a closed day. Flushers may race: the advisory lock
-- makes the second one find the leaf. CREATE .. PARTITION OF would lock the parent against every reader and
-- deadlock with commits; LIKE and ATTACH do not. It runs as the owner, hence the fixed search_path, and takes
-- a date, so that no name can be handed in.
create function make_usage_day(day date) returns boolean
language plpgsql security definer
set search_path = pg_catalog, public, pg_temp
set lock_timeout = '2s'
as $$
declare
  leaf text := 'usage_events_' || to_char(day, 'YYYYMMDD');
begin
  if day is null or exists (select from public.shard_identity where day < closed_before) then
    return false;
  end if;
  -- A query sees what committed before it; to_regclass answers from a cache that an advisory lock does not
  -- refresh, and the loser of a race would make the leaf again.
  if exists (select from pg_class where relnamespace = 'public'::regnamespace and relname = leaf) then
    return true;
  end if;
  perform pg_advisory_xact_lock(hashtext('odometer.make_usage_day'));
  if exists (select from pg_class where relnamespace = 'public'::regnamespace and relname = leaf) then
    return true;
  end if;
  execute format(
    'create table public.%I (like public.usage_events including defaults including constraints including storage)',
    leaf);
  execute format('grant select, insert on public.%I to odometer_writer', leaf);
  execute format('alter table public.usage_events attach partition public.%I for values in (%L)', leaf, day);
  return true;
end
$$;
revoke all on function make_usage_day(date) from public;
