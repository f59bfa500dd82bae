declare const ofThisProcess: unique symbol;

/**
 * A moment that `monotonic()` gave: only the span between two of them says anything. A type of its own, so that a
 * moment of the wall clock is refused where a span is measured.
 */
export type MonotonicMs = number & { readonly [ofThisProcess]: true };

/** Time as an input. */
export interface Clock {
  /** Milliseconds since 1970; for stamps and dates alone, because somebody may set it back or ahead. */
  now(): number;
  /** Milliseconds since some moment of this process, never going back; for spans and deadlines. */
  monotonic(): MonotonicMs;
  /** Measured by the monotonic clock as well. */
  sleep(ms: number): Promise<void>;
}

/** The moment that is this much later. */
export function later(moment: MonotonicMs, ms: number): MonotonicMs {
  // A moment and a span make a moment of the same clock; the sum of two numbers forgets that.
  return (moment + ms) as MonotonicMs;
}
