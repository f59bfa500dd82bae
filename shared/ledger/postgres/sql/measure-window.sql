-- $1 seconds: the ledger's last so many seconds without decisions, no tenant's row.
select
  coalesce(sum(inserted), 0)::int8 as inserted,
  coalesce(sum(duplicate), 0)::int8 as duplicate,
  coalesce(sum(conflicts), 0)::int8 as conflicts,
  coalesce(sum(quarantined + foreign_records), 0)::int8 as quarantined,
  coalesce(sum(write_statements), 0)::int8 as write_statements
from commit_ledger
where committed_at > now() - $1 * interval '1 second' and source <> 'decision'
