-- The last row of each partition's ledger, where it has one.
select p.partition, head.sequence, encode(head.hash, 'hex') as hash
from partition_progress p
cross join lateral (
  select sequence, hash from commit_ledger where partition = p.partition order by sequence desc limit 1
) head
order by p.partition
