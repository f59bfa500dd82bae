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
