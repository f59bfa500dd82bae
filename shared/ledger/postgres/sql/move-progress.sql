-- $1 partition, $2 from, $3 to, $4 record hash, $5 checked ranges, $6 the date before which days are closed, or null,
-- $7 generation. One row where the partition exists; `moved` says whether the compare-and-set held (U3). The head of the
-- ledger is of this statement's snapshot. Whoever changes it before the row lock is given changes next_offset, generation,
-- closed_before or halted too, and then nothing is moved; or puts all of them back, as halt and retry do: then the ledger row
-- meets the primary key of another one, and the range is tried again.
with moved as (
  update partition_progress
  set next_offset = $3, record_hash = $4, checked_ranges = $5, updated_at = now()
  where partition = $1 and next_offset = $2 and generation = $7 and not halted
    and closed_before is not distinct from $6::date
  returning generation
)
select
  exists (select from moved) as moved,
  coalesce((select generation from moved), p.generation) as generation,
  floor(extract(epoch from now()) * 1000)::int8 as committed_at_ms,
  head.sequence,
  head.hash
from partition_progress p
left join lateral (
  select sequence, hash from commit_ledger where partition = p.partition order by sequence desc limit 1
) head on true
where p.partition = $1
