/** The port of the API on this machine, where nobody chose another. */
export const apiPortDefault = 8001;

/** The file of a data directory that holds its `Endpoints` (mode 0600). */
export function endpointsFileOf(dataDir: string): string {
  return `${dataDir}/endpoints.json`;
}

/**
 * Everything of one local twin that runs. The supervisor writes it anew whenever a process is restarted; the
 * importer, tests, bench and people read it.
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
