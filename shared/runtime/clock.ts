/** Time as an input. */
export interface Clock {
  /** Milliseconds since 1970; for dates, because somebody may set it back. */
  now(): number;
  /** Milliseconds since some moment of this process, never going back; for spans. */
  monotonic(): number;
  sleep(ms: number): Promise<void>;
}
