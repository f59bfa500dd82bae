/** One shard as the operator sees it: halts, decisions, and the proof. Implemented by `shared/ledger/postgres`. */
import type { Closing, ClosingOutcome } from './closing.ts';
import type { StoredCommit } from './commit-hash.ts';
import type { CommitMismatch, KeptMismatch, TotalMismatch } from './mismatches.ts';

/** How far a partition is committed, and why it is halted if it is. */
export interface PartitionState {
  readonly partition: number;
  readonly generation: number;
  readonly firstOffset: number;
  readonly nextOffset: number;
  /** Days before it, as `YYYY-MM-DD`, are closed; null: none. */
  readonly closedBefore: string | null;
  readonly halt: { readonly code: string; readonly reason: string; readonly atMs: number } | null;
}

/**
 * What an operator decided about a halted partition (U7). `retry`: go on at `next_offset`. `skip`: give up the
 * records below `offset`. `restart`: offsets of the topic `topicId` start at `offset`, in a new generation; the
 * shard is bound to that topic from then on (U9), so its other partitions wait for their own decision.
 */
export interface Decision {
  readonly partition: number;
  readonly by: string;
  readonly why: string;
  readonly action:
    | { readonly kind: 'retry' }
    | { readonly kind: 'skip'; readonly offset: number }
    | { readonly kind: 'restart'; readonly offset: number; readonly topicId: string };
}

export type DecisionOutcome = 'resumed' | 'unknown_partition' | 'not_halted' | 'offset_below_next';

/** Of a list from the newest row on; `before`: the cursor of the row after which the page begins. */
export interface ListPage {
  readonly rowsMax: number;
  readonly before: string | null;
}

export interface ListedRow {
  /** Its place in the list of all shards: microseconds since 1970, partition, generation, offset and index. */
  readonly cursor: string;
}

export interface ListedPage<T extends ListedRow> {
  readonly rows: readonly T[];
  /** It has fewer rows than were asked for, because they are large. */
  readonly cut: boolean;
}

export interface QuarantinedRecord extends ListedRow {
  readonly partition: number;
  readonly offset: number;
  readonly index: number;
  readonly code: string;
  readonly quarantinedAtMs: number;
  /** The first of them, at most `listedRecordBytesMax`. */
  readonly bytes: Buffer;
  /** Of the whole record. */
  readonly length: number;
}

/** A duplicate with other content than the event that counts; what is named `first` is that event. */
export interface RecordedConflict extends ListedRow {
  readonly partition: number;
  readonly offset: number;
  readonly index: number;
  readonly organization: string;
  readonly keyHash: string;
  readonly day: string;
  readonly fingerprint: string;
  readonly firstDay: string;
  readonly firstOffset: number;
  readonly firstIndex: number;
  readonly firstFingerprint: string;
  readonly foundAtMs: number;
}

export interface ShardControl {
  readonly shard: number;
  partitions(): Promise<readonly PartitionState[]>;
  /** Writes the decision as a ledger row with who and why, and lifts the halt, in one transaction. */
  decide(decision: Decision): Promise<DecisionOutcome>;
  /**
   * Closes a day and every day before it, where their rows, totals and ledger agree, and drops their leaves; its totals
   * and their digest stay. Cut off anywhere, it is repeated. Throws `shard_unavailable` (retryable).
   */
  closeDay(closing: Closing): Promise<ClosingOutcome>;
  /** Ledger rows of a partition above a sequence, in order; at most `rowsMax`. */
  commits(page: {
    readonly partition: number;
    readonly aboveSequence: number;
    readonly rowsMax: number;
  }): Promise<readonly StoredCommit[]>;
  /** Every day that the ledger, a total or a leaf names. */
  days(): Promise<readonly string[]>;
  /** Compares one day's rows with the ledger: count, and digest over every column. */
  rowMismatches(day: string): Promise<readonly CommitMismatch[]>;
  /** Compares the sums of one day's rows with the sums that each commit says it added. */
  sumMismatches(day: string): Promise<readonly CommitMismatch[]>;
  /** Compares one day's totals, which are what is billed, with the sums of its rows; at most `rowsMax`. */
  totalMismatches(day: string, rowsMax: number): Promise<readonly TotalMismatch[]>;
  /** Compares the totals of a day with the ledger rows that closed it. */
  closedMismatches(day: string): Promise<readonly CommitMismatch[]>;
  /** Compares quarantined records and conflicts with the ledger; the first of each kind and partition. */
  keptMismatches(): Promise<readonly KeptMismatch[]>;
  /** The newest quarantined records; at least one, where there is one, and at most `listedBytesMax` of their bytes. */
  quarantined(page: ListPage): Promise<ListedPage<QuarantinedRecord>>;
  /** The newest conflicts. */
  conflicts(page: ListPage): Promise<ListedPage<RecordedConflict>>;
  close(): Promise<void>;
}
