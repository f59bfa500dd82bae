-- Looking single events up: by place in the log (receipts), by time (lists), by key.

-- Rows of a commit lie together, and so do the rows of a quarter hour where they come as they happen. Unlike a B-tree by
-- organization it costs a load nothing that was measured: pages are summarized behind it.
create index usage_events_lookups on usage_events using brin (
  processed_at, event_time timestamptz_minmax_multi_ops, organization_id text_bloom_ops
) with (autosummarize = on);
create index usage_conflicts_key on usage_conflicts (key_hash, event_day);

grant select (generation, from_offset, hash, days) on commit_ledger to odometer_reader;
grant select on quarantine to odometer_reader;

-- A receipt names a place, and only the row there says whose it is; an administrator's lists are about everybody. Both
-- ask in a transaction that says so, by the one wrapper for that. Without it the tenant's policy alone decides (U10).
create policy across on usage_events for select to odometer_reader
  using (current_setting('odometer.across_organizations', true) = 'on');
create policy across on usage_conflicts for select to odometer_reader
  using (current_setting('odometer.across_organizations', true) = 'on');
create policy across on quarantine for select to odometer_reader
  using (current_setting('odometer.across_organizations', true) = 'on');

-- The name of the commit that inserted a row: the hash of its ledger row, which counts no neighbours. Offsets repeat in
-- the generations of a partition, so the time of the commit decides too.
create function commit_of(of_partition integer, of_offset bigint, of_processed_at timestamptz) returns text
language sql stable
as $$
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
$$;
revoke all on function commit_of(integer, bigint, timestamptz) from public;
grant execute on function commit_of(integer, bigint, timestamptz) to odometer_reader;
