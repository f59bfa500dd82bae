/** Segments not yet committed (Redis). It decides nothing (U6): whatever it loses is read from the log again. */

/** The range of a stored segment: records `from <= offset < to` of one partition, holding `events` rows. */
export interface StoredRange {
  readonly from: number;
  readonly to: number;
  readonly events: number;
}

/** A segment's range and the hash of its last record, which another one for the same offsets does not have. */
export interface AppendedRange extends StoredRange {
  /** As in the segment: SHA-256 of the record at `to - 1`, hex. */
  readonly recordHash: string;
}

/**
 * `redelivered`: this range with this last record is stored, nothing changed. `replaced`: stored in place of all that
 * overlapped it with another range or record. `full`: above the partition's byte limit, nothing changed.
 */
export type AppendOutcome = 'stored' | 'redelivered' | 'replaced' | 'full';

export interface SegmentStore {
  /** Stores one segment atomically. Throws OdometerError `segments_unavailable` (retryable). */
  append(partition: number, range: AppendedRange, segment: Buffer): Promise<AppendOutcome>;
  /** The stored ranges of each partition in offset order, at most `rangesMax` each. */
  list(
    partitions: readonly number[],
    rangesMax: number,
  ): Promise<ReadonlyMap<number, readonly StoredRange[]>>;
  /** The bytes of the segments that start at `froms`; null where one is gone. */
  read(partition: number, froms: readonly number[]): Promise<readonly (Buffer | null)[]>;
  /** Deletes every segment with `from < nextOffset`, even one that ends above it. */
  deleteBelow(next: { readonly partition: number; readonly nextOffset: number }): Promise<void>;
  /** Deletes the segment that starts at `from` (damaged, or not what the log holds). */
  delete(segment: { readonly partition: number; readonly from: number }): Promise<void>;
  /** Throws OdometerError `segments_evictable` when the server may evict keys (any policy but noeviction). */
  assertNothingEvicted(): Promise<void>;
  close(): Promise<void>;
}
