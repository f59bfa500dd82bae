/**
 * The hash chain over a partition's ledger rows (U12). Whoever recomputes it needs nothing but this comment:
 *
 *   hash = SHA-256( previous hash, 32 raw bytes ++ canonical text as UTF-8 )
 *
 * The previous hash is that of the row with sequence - 1 of the same partition; for sequence 1 it is 32 zero
 * bytes. The canonical text is a JSON array without spaces, as `JSON.stringify` writes it:
 *
 *   ["odometer-commit-3", partition, sequence, generation, from_offset, to_offset, seen, inserted, duplicate,
 *    quarantined, foreign_records, write_statements, segment_version, map_version, source,
 *    [[day, count, digest, sums], ...], decided_by, decided_why, committed_at_ms, conflicts, quarantine_digest,
 *    conflicts_digest]
 *
 * Integers are JSON numbers. `days` keep their stored order: day `YYYY-MM-DD`, count, and the two digests of
 * `digests.ts` as lower-case hex; the digest of rows is null in the row that closes a day.
 * `quarantine_digest` and `conflicts_digest` are those of `kept-digests.ts`, null where nothing was kept aside.
 * `decided_by` and `decided_why` are null in every row that an operator did not write. `committed_at_ms` is
 * committed_at in milliseconds since 1970; the column holds whole milliseconds.
 */
import { createHash } from 'node:crypto';
import type { KeptDigests } from './kept-digests.ts';

/** The previous hash of a partition's first row. */
export const chainStart = Buffer.alloc(32);

/** One ledger row as it is hashed. */
export interface ChainedCommit extends KeptDigests {
  readonly partition: number;
  readonly sequence: number;
  readonly generation: number;
  readonly from: number;
  readonly to: number;
  readonly seen: number;
  readonly inserted: number;
  readonly duplicate: number;
  /** Those of `duplicate` whose content differs from what counts. */
  readonly conflicts: number;
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

/** What a commit inserted into one day, or what a day held when it was closed; see `digests.ts`. */
export interface ChainedDay {
  /** `YYYY-MM-DD`. */
  readonly day: string;
  readonly count: number;
  /** Null where the day was closed. */
  readonly digest: string | null;
  readonly sums: string;
}

/** The hash of a row that follows the row with `previousHash`. */
export function commitHash(previousHash: Buffer, commit: ChainedCommit): Buffer {
  return createHash('sha256').update(previousHash).update(canonicalCommit(commit)).digest();
}

/** The text described above. */
function canonicalCommit(commit: ChainedCommit): string {
  return JSON.stringify([
    'odometer-commit-3',
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
    commit.days.map(({ day, count, digest, sums }) => [day, count, digest, sums]),
    commit.decidedBy,
    commit.decidedWhy,
    commit.committedAtMs,
    commit.conflicts,
    commit.quarantineDigest,
    commit.conflictsDigest,
  ]);
}
