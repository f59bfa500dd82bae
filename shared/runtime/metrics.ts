/** What the functions count of their own work, by request, batch or interval; never by event. */

/** What commits of one shard counted. */
export interface CommitCounts {
  readonly committed: number;
  readonly duplicate: number;
  readonly quarantined: number;
  /** Records of the log that were committed, and the bytes of rows that they became. */
  readonly records: number;
  readonly bytes: number;
}

/** What a flusher did for one shard since the last call, and where its time went. */
export interface ShardWork extends CommitCounts {
  readonly foldMs: number;
  readonly waitMs: number;
  readonly commitMs: number;
}

/**
 * One batch of the consumer: its records and their bytes, segments stored, those of them that replaced others, segments
 * left to the log, and its time.
 */
interface StoredBatch {
  readonly records: number;
  readonly bytes: number;
  readonly stored: number;
  readonly replaced: number;
  readonly dropped: number;
  readonly foldMs: number;
  readonly storeMs: number;
}

/** The state of a shard's partitions now. */
export interface ShardStanding {
  readonly halted: number;
  /** Partitions whose next record this code does not count. */
  readonly waitingForCode: number;
  readonly lagRecords: number;
  readonly oldestInFlightMs: number;
  readonly ledgerLogDifference: number;
}

export interface Metrics {
  /** One request. */
  ingested(counts: {
    readonly accepted: number;
    readonly rejected: number;
    readonly overloaded: number;
  }): void;
  /** One request that a quota was asked for. */
  quotaAsked(counts: { readonly overQuota: number; readonly uncounted: number }): void;
  batchStored(batch: StoredBatch): void;
  /** `standing` is null when the log or the shard could not be read. */
  flushed(shard: number, work: ShardWork, standing: ShardStanding | null): void;
}

/** For processes whose metrics nobody collects. The figures of `GET /metrics` have other sources. */
export const noMetrics: Metrics = {
  ingested: () => {},
  quotaAsked: () => {},
  batchStored: () => {},
  flushed: () => {},
};
