insert into commit_ledger (partition, sequence, generation, from_offset, to_offset, records, seen, inserted,
  duplicate, quarantined, foreign_records, write_statements, segment_version, map_version, source, days,
  decided_by, decided_why, previous_hash, hash, committed_at,
  conflicts, quarantine_digest, conflicts_digest)
values ($1, $2, $3, $4, $5::int8, $5::int8 - $4::int8, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15::jsonb, $16, $17, $18, $19,
  timestamptz 'epoch' + $20::int8 * interval '1 millisecond', $21, $22, $23)
