/** Time as an input: milliseconds since 1970, and a pause. */
export interface Clock {
  now(): number;
  sleep(ms: number): Promise<void>;
}
