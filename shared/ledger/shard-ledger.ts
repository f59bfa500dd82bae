/**
 * One Postgres shard as the flusher sees it: progress, and transactions that move it together with everything
 * in between. Implemented by `shared/ledger/postgres`.
 */

import type { Refusal } from '../segments/segment.ts';
import type { LoggedHead } from './chain-check.ts';
import type { CountedRow, KeyProbe } from './deduplicate.ts';
import type { DimensionSet, TotalChange } from './dimension-sets.ts';
import type { Conflict, DayDigest, DayLoad } from './load.ts';
import type { PartitionPosition } from './shard-figures.ts';

/** The progress row of a partition. */
export interface Progress {
  readonly partition: number;
  readonly generation: number;
  /** The first offset not yet committed. */
  readonly nextOffset: number;
  /** SHA-256 of the record at `nextOffset - 1`; null before the first commit. */
  readonly recordHash: Buffer | null;
  readonly halted: boolean;
  /** The next this many ranges are checked for duplicates before they are loaded. */
  readonly checkedRanges: number;
  /** Days before it are closed, in days since 1970-01-01; null: none is. */
  readonly closedBefore: number | null;
}

/** Where a partition was, as whoever decides about it saw it. */
export type PartitionPlace = Pick<Progress, 'partition' | 'generation' | 'nextOffset'>;

/** What a look at a partition's log found; everything acknowledged before `observedAtMs` is below `logEnd`. */
export interface Observation {
  readonly partition: number;
  /** Of the offsets: an observation of an earlier one changes nothing. */
  readonly generation: number;
  readonly observedAtMs: number;
  /** null: the log did not say where it ends, or is not what its progress says. */
  readonly logEnd: number | null;
  /** When the log ended at or below what is committed; null leaves the stored value. */
  readonly completeThroughMs: number | null;
}

/**
 * What became of a range (U5): seen = inserted + duplicate + quarantined; `foreign` are whole records that are not
 * ours, without an event count. The ledger's row adds to it what the transaction knows by itself.
 */
export interface CommitRecord {
  readonly seen: number;
  readonly inserted: number;
  readonly duplicate: number;
  /** Those of `duplicate` whose content differs from what counts. */
  readonly conflicts: number;
  readonly quarantined: number;
  readonly foreign: number;
  readonly segmentVersion: number;
  readonly source: 'segments' | 'log';
  readonly days: readonly DayDigest[];
}

/** `next_offset: from -> to` of a partition, with what its progress row keeps beside it. */
export interface ProgressMove {
  /** Of the offsets that the range was planned with: the same offset in another one is another record. */
  readonly generation: number;
  readonly from: number;
  readonly to: number;
  /** SHA-256 of the record at `to - 1`. */
  readonly recordHash: Buffer;
  readonly checkedRanges: number;
  /** What the range was planned with. */
  readonly closedBefore: number | null;
}

/** `unique`: a key of this range is counted already; the caller rolls back and checks the range. */
export type LoadOutcome = { readonly kind: 'loaded'; readonly count: number } | { readonly kind: 'unique' };

/** A transaction of one partition in which nothing has happened yet: its progress moves first. */
export interface RangeTransaction {
  /**
   * Compare-and-set (U3); null when another writer was faster, the partition is halted, or since then a day was closed or
   * offsets started again.
   */
  moveProgress(move: ProgressMove): Promise<MovedRange | null>;
}

/**
 * The range whose progress has moved in this transaction; what it holds is written beside that. A call runs one
 * statement (`findCounted` one a day), and none for an empty list. After `unique` only a rollback is possible.
 */
export interface MovedRange {
  /** Keys of these days that are counted already; index scans only. */
  findCounted(probes: readonly KeyProbe[]): Promise<readonly CountedRow[]>;
  /** COPY BINARY straight into the day's leaf. */
  loadDay(load: DayLoad): Promise<LoadOutcome>;
  /** Which of these sets, which come in log order, are kept apart: known ones, and new ones for as long as there is room. */
  keepSets(sets: readonly DimensionSet[]): Promise<readonly DimensionSet[]>;
  /** Adds to totals; changes come sorted, so that writers cannot deadlock. */
  addRollups(changes: readonly TotalChange[]): Promise<void>;
  addQuarantine(refusals: readonly Refusal[]): Promise<void>;
  addConflicts(conflicts: readonly Conflict[]): Promise<void>;
  /** Appends the ledger row with the hash over the previous one (U12); comes last. */
  addCommit(commit: CommitRecord): Promise<void>;
}

/** `unknown`: the connection broke during COMMIT; `nextOffset()` alone decides. */
export interface TransactionOutcome<T> {
  readonly kind: 'committed' | 'rolled-back' | 'unknown';
  readonly value: T;
}

export interface ShardLedger {
  readonly shard: number;
  /** Identity of the topic whose offsets this shard counts, from its identity row (U7, U9). */
  topicId(): Promise<string>;
  /** Progress of all partitions of this shard, in partition order. Throws `shard_unavailable` (retryable). */
  progress(): Promise<readonly Progress[]>;
  /** Progress beside the end of the ledger, in one snapshot: for reports, because a pass needs no ledger. */
  positions(): Promise<readonly PartitionPosition[]>;
  /** The last row of each partition's ledger (U12). Throws `shard_unavailable` (retryable). */
  heads(): Promise<readonly LoggedHead[]>;
  /** Stores what a pass saw, one statement for all partitions. */
  observe(observations: readonly Observation[]): Promise<void>;
  /**
   * Makes the leaves of these days (counted from 1970-01-01) where missing, in a transaction of its own; returns the
   * closed ones.
   */
  ensureDays(days: readonly number[]): Promise<ReadonlySet<number>>;
  /**
   * Runs `work` in one transaction on the one connection named `flusher:<partition>` and commits when it
   * resolves with `commit: true`, else rolls back. Throws OdometerError: `shard_unavailable` (retryable),
   * `shard_refused` (not retryable: SQLSTATE classes 22 and 23, a bug), `wrong_shard` (U9).
   */
  transaction<T>(
    partition: number,
    work: (transaction: RangeTransaction) => Promise<{ readonly commit: boolean; readonly value: T }>,
  ): Promise<TransactionOutcome<T>>;
  /** `next_offset` read with the progress row locked, so that no transaction of a lost session is pending. */
  nextOffset(partition: number): Promise<number>;
  /**
   * Halts a partition until an operator resumes it (U7); the first reason stays. Where it is in another place by now,
   * nothing happens: whoever looks at it there decides again.
   */
  halt(place: PartitionPlace, why: { readonly code: string; readonly reason: string }): Promise<void>;
  close(): Promise<void>;
}
