/** What every load generator is asked for, and what it answers. */

export interface LoadRequest {
  /** The API's address, without a path. */
  readonly target: string;
  readonly token: string | undefined;
  /** An empty folder of the run's own, for what the generator writes. */
  readonly folder: string;
}

/** Milliseconds. */
export interface Latency {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

export interface LoadFigures {
  readonly seconds: number;
  readonly requests: number;
  /** Events that were sent, whatever became of them. */
  readonly sent: number;
  /** Events that were answered with 202. */
  readonly accepted: number;
  /** How often each other outcome occurred, by the generator's own names. */
  readonly failures: Readonly<Record<string, number>>;
  readonly write: Latency;
  /** Null where the profile reads nothing. */
  readonly read: Latency | null;
  /** False where the profile has thresholds and they are not met. */
  readonly thresholdsMet: boolean;
}

/** One size of load, by one generator. */
export interface LoadProfile {
  /** Says by `log` what it fetches on its first use; throws a UserError with the remedy where it cannot. */
  install(log: (line: string) => void): Promise<void>;
  run(request: LoadRequest): Promise<LoadFigures>;
}
