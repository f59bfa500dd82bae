/** One metric's committed total; `totalQuantity` is canonical decimal text. */
export interface MetricTotal {
  readonly metric: string;
  readonly totalQuantity: string;
  readonly eventCount: number;
}

/**
 * How fresh committed totals are: everything acknowledged before `completeThroughMs` is in them, and
 * `inFlightRecords` is log end minus next offset at the last observation. Both are null before the first one.
 */
export interface Freshness {
  readonly asOfMs: number;
  readonly completeThroughMs: number | null;
  readonly inFlightRecords: number | null;
}

/** Reads an organization's committed totals; what the query function needs of the shards. */
export interface SummaryReader {
  /**
   * Totals of all metrics over the inclusive UTC days, and the freshness of the organization's partition, in
   * one statement under the tenant's row-level security (U10). Throws `shard_unavailable` (retryable).
   */
  summarize(request: {
    readonly organization: string;
    readonly startDay: number;
    readonly endDay: number;
  }): Promise<{ readonly metrics: readonly MetricTotal[]; readonly freshness: Freshness }>;
  /** Resolves when every shard answers; throws `shard_unavailable` naming the first that does not. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
