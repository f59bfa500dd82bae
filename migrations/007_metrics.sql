-- What the metrics read: counts of commits and places in the log, which belong to no tenant.

-- How many of a commit's duplicates had other content than what counts. The rows are in usage_conflicts, where
-- a reader sees one organization's only; the count needs nobody's. It is a figure, so no hash covers it.
alter table commit_ledger add column conflicts integer not null default 0;
alter table commit_ledger add constraint commit_ledger_conflicts check (conflicts between 0 and duplicate);

grant select (partition, sequence, to_offset, records, seen, inserted, duplicate, conflicts, quarantined,
  foreign_records, write_statements, source, committed_at) on commit_ledger to odometer_reader;
grant select (halted, halt_code) on partition_progress to odometer_reader;
