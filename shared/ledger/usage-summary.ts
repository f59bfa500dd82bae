import type { Freshness, MetricTotal } from './summary.ts';

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
