-- $1 partition, $2 sequence, $3 rows: the ledger's rows above the sequence.
select partition, sequence, generation, from_offset, to_offset, seen, inserted, duplicate, quarantined,
  foreign_records, write_statements, segment_version, map_version, source, days, decided_by, decided_why,
  (extract(epoch from committed_at) * 1000)::int8 as committed_at_ms, conflicts, quarantine_digest, conflicts_digest,
  previous_hash, hash
from commit_ledger
where partition = $1 and sequence > $2
order by sequence
limit $3
