/**
 * The hash chain over a partition's ledger rows (U12). Whoever recomputes it needs nothing but this comment:
 *
 *   hash = SHA-256( previous hash, 32 raw bytes ++ canonical text as UTF-8 )
 *
 * The previous hash is that of the row with sequence - 1 of the same partition; for sequence 1 it is 32 zero
 * bytes. The canonical text is a JSON array without spaces, as `JSON.stringify` writes it:
 *
 *   ["odometer-commit-1", partition, sequence, generation, from_offset, to_offset, seen, inserted, duplicate,
 *    quarantined, foreign_records, write_statements, segment_version, map_version, source,
 *    [[day, count, digest], ...], decided_by, decided_why, committed_at_ms]
 *
 * Integers are JSON numbers. `days` keep their stored order: day `YYYY-MM-DD`, count, digest as lower-case hex.
 * `decided_by` and `decided_why` are null in every row that an operator did not write. `committed_at_ms` is
 * committed_at in milliseconds since 1970; the column holds whole milliseconds.
 */
import { createHash } from 'node:crypto';

/** The previous hash of a partition's first row. */
export const chainStart = Buffer.alloc(32);

/** One ledger row as it is hashed. */
export interface ChainedCommit {
  readonly partition: number;
  readonly sequence: number;
  readonly generation: number;
  readonly from: number;
  readonly to: number;
  readonly seen: number;
  readonly inserted: number;
  readonly duplicate: number;
  readonly quarantined: number;
  readonly foreign: number;
  readonly writeStatements: number;
  readonly segmentVersion: number;
  readonly mapVersion: number;
  readonly source: string;
  readonly days: readonly ChainedDay[];
  readonly decidedBy: string | null;
  readonly decidedWhy: string | null;
  readonly committedAtMs: number;
}

/** One ledger row as it is stored. */
export interface StoredCommit extends ChainedCommit {
  readonly previousHash: Buffer;
  readonly hash: Buffer;
}

/** What a commit inserted into one day; `day` is `YYYY-MM-DD`. */
export interface ChainedDay {
  readonly day: string;
  readonly count: number;
  readonly digest: string;
}

/** The hash of a row that follows the row with `previousHash`. */
export function commitHash(previousHash: Buffer, commit: ChainedCommit): Buffer {
  return createHash('sha256').update(previousHash).update(canonicalCommit(commit)).digest();
}

/** The text described above. */
function canonicalCommit(commit: ChainedCommit): string {
  return JSON.stringify([
    'odometer-commit-1',
    commit.partition,
    commit.sequence,
    commit.generation,
    commit.from,
    commit.to,
    commit.seen,
    commit.inserted,
    commit.duplicate,
    commit.quarantined,
    commit.foreign,
    commit.writeStatements,
    commit.segmentVersion,
    commit.mapVersion,
    commit.source,
    commit.days.map(({ day, count, digest }) => [day, count, digest]),
    commit.decidedBy,
    commit.decidedWhy,
    commit.committedAtMs,
  ]);
}
