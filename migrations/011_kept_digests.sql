-- The proof reaches what is kept aside (U12): a ledger row holds the digests of the records that its commit quarantined and
-- of the conflicts that it recorded (shared/ledger/kept-digests.ts); null where there were none.
alter table commit_ledger add column quarantine_digest text, add column conflicts_digest text;

-- Lists go from the newest on, page by page.
create index quarantine_newest on quarantine (quarantined_at, partition, generation, "offset", index);
create index usage_conflicts_newest on usage_conflicts (found_at, partition, generation, "offset", index);
