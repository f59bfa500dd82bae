-- Leaves get these on ATTACH.

-- Identity of an event (U2): the hash of organization and key, and the day. 16 bytes, not texts: a third of
-- the size and a fifth of the CPU.
create unique index usage_events_identity on usage_events (key_hash, event_day);
-- Rows arrive in the order of created_at, near enough; BRIN costs nothing measurable on the way in.
create index usage_events_created_at on usage_events using brin (created_at) with (autosummarize = on);

-- A range is committed once in a generation (U3); decisions about nothing but a state have an empty range.
create unique index commit_ledger_from on commit_ledger (partition, generation, from_offset)
  where to_offset > from_offset;
-- The last 60 seconds, for vw_cache_metrics.
create index commit_ledger_committed_at on commit_ledger using brin (committed_at)
  with (pages_per_range = 8, autosummarize = on);

create index usage_conflicts_organization on usage_conflicts (organization_id, event_day);
