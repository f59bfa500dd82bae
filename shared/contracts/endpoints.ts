/**
 * `$ODOMETER_DATA_DIR/endpoints.json` (mode 0600): everything of one local twin that runs, rewritten whenever
 * a process is restarted. Written by the supervisor, read by the importer, tests, bench and people.
 */
export interface Endpoints {
  /** Base URL of the HTTP API, without a trailing slash. */
  readonly api: string;
  /** Kafka bootstrap servers, `host:port,...`. */
  readonly kafka: string;
  readonly redis: string;
  /** Four DSNs of the operator login `billing`, in shard order. */
  readonly shards: readonly string[];
  readonly processes: Processes;
}

/** Process ids by role; `shard0`..`shard3` are the postmasters, one each. */
export interface Processes {
  readonly api: readonly number[];
  readonly consumer: number;
  readonly flusher: number;
  readonly kafka: readonly number[];
  readonly redis: number;
  readonly shard0: number;
  readonly shard1: number;
  readonly shard2: number;
  readonly shard3: number;
}
