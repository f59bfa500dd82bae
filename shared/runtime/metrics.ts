/** What the functions count of their own work, by request, batch or interval; never by event. */

/** Commits of one shard since the last call. */
export interface FlushCounts {
  readonly committed: number;
  readonly duplicate: number;
  readonly quarantined: number;
}

/** How a shard's partitions stand now. */
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
  /** One batch; dropped segments are left to the log. */
  segmentsStored(counts: { readonly stored: number; readonly dropped: number }): void;
  /** `standing` null: the log or the shard did not say. */
  flushed(shard: number, counts: FlushCounts, standing: ShardStanding | null): void;
}

/** Where nobody collects metrics: the figures of `GET /metrics` do not come from here. */
export const noMetrics: Metrics = {
  ingested: () => {},
  segmentsStored: () => {},
  flushed: () => {},
};
