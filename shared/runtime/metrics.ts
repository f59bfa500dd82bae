/** What the functions count of their own work: once a request, batch or interval, never an event. */

/** Commits of one shard since the last call. */
export interface FlushCounts {
  readonly committed: number;
  readonly duplicate: number;
  readonly quarantined: number;
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
  /** One batch; dropped segments are left to the log. */
  segmentsStored(counts: { readonly stored: number; readonly dropped: number }): void;
  /** `standing` is null when the log or the shard could not be read. */
  flushed(shard: number, counts: FlushCounts, standing: ShardStanding | null): void;
}

/** For processes whose metrics nobody collects. The figures of `GET /metrics` have other sources. */
export const noMetrics: Metrics = {
  ingested: () => {},
  segmentsStored: () => {},
  flushed: () => {},
};
