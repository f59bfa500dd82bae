-- $1 seconds: the ledger's last so many seconds without decisions, and where each partition stands: its next
-- offset, and the offset at which its ledger ends. One snapshot, no tenant's row.
select
  ledger.*,
  (
    select json_agg(
      json_build_array(p.partition, p.next_offset, coalesce(head.to_offset, p.first_offset), p.halt_code)
      order by p.partition)
    from partition_progress p
    left join lateral (
      select to_offset from commit_ledger where partition = p.partition order by sequence desc limit 1
    ) head on true
  ) as partitions
from (
  select
    coalesce(sum(inserted), 0)::int8 as inserted,
    coalesce(sum(duplicate), 0)::int8 as duplicate,
    coalesce(sum(conflicts), 0)::int8 as conflicts,
    coalesce(sum(quarantined + foreign_records), 0)::int8 as quarantined,
    coalesce(sum(write_statements), 0)::int8 as write_statements
  from commit_ledger
  where committed_at > now() - $1 * interval '1 second' and source <> 'decision'
) ledger
