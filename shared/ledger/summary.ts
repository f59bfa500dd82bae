/** One metric's committed total; `totalQuantity` is canonical decimal text. */
export interface MetricTotal {
  readonly metric: string;
  readonly totalQuantity: string;
  readonly eventCount: number;
}

/**
 * How fresh committed totals are, by a look at the log that carries its own time. Times are null before the first look.
 * Everything acknowledged before `completeThroughMs` is in the totals.
 */
export interface Freshness {
  readonly observedAtMs: number | null;
  readonly completeThroughMs: number | null;
  /**
   * Whether something of the organization is accepted and not committed. false: nothing that was acknowledged before
   * `observedAtMs` is. null: not known, because the look is old, the partition is halted or waits, or what is not
   * committed may be another organization's. Never true: who knows that has a receipt.
   */
  readonly inFlight: false | null;
  /** Everything acknowledged before `observedAtMs` is in the totals; later events may still be added. */
  readonly complete: boolean;
}

/** Which totals are asked for. */
export interface SummaryQuery {
  readonly organization: string;
  /** Inclusive, days since 1970-01-01. */
  readonly startDay: number;
  readonly endDay: number;
  /** Only this metric. */
  readonly metric?: string | undefined;
  /** Only metrics after this one. */
  readonly after?: string | undefined;
  /** At most so many metrics; `summaryMetricsMax` where nothing is given. */
  readonly limit?: number | undefined;
}

/** Reads an organization's committed totals; what the query function needs of the shards. */
export interface SummaryReader {
  /**
   * Totals over the inclusive UTC days, in the order of the metrics' names, and the freshness of the organization's
   * partition, in one statement under the tenant's row-level security (U10). Throws `shard_unavailable` (retryable).
   */
  summarize(
    query: SummaryQuery,
  ): Promise<{ readonly metrics: readonly MetricTotal[]; readonly freshness: Freshness }>;
  /** Resolves when every shard answers; throws `shard_unavailable` naming the first that does not. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
