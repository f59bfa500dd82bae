-- How far each partition is committed: its next offset, and the offset at which its ledger ends. One statement, so one
-- snapshot: no commit can fall between the two.
select p.partition, p.next_offset, coalesce(head.to_offset, p.first_offset) as ledger_end, p.halt_code
from partition_progress p
left join lateral (
  select to_offset from commit_ledger where partition = p.partition order by sequence desc limit 1
) head on true
order by p.partition
