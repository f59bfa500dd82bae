/** Exact sum and count of one (organization, metric, quarter hour). */
export interface Rollup {
  readonly organization: string;
  readonly metric: string;
  /** Quarter hours since 1970-01-01T00:00Z. */
  readonly quarter: number;
  /** Canonical decimal text. */
  readonly total: string;
  readonly count: number;
}
