/**
 * The metrics, once: dashboards, alarms, the functions that emit them and the tests use these names. A metric
 * of a function goes to CloudWatch in embedded metric format; its dimensions are the function, the stage, which keeps
 * the installations of one account apart, and for the flusher the shard: never an organization, whose number has no
 * bound.
 */
export const metricNamespace = 'Odometer';
/** Dimensions; Powertools calls the function its service. */
export const dimensionFunction = 'service';
export const dimensionStage = 'stage';
export const dimensionShard = 'shard';

/**
 * What each function emits, with the units of CloudWatch. A metric's name is its key here, which alarms, dashboards and
 * emitters are checked against by type.
 */
export const functionMetrics = {
  /** Sums of an environment's requests, a line in ten seconds at most. */
  ingest: {
    /** Events that are durable in the log. */
    EventsAccepted: 'Count',
    /** Events of a readable body that were not accepted. */
    EventsRejected: 'Count',
    /** Requests answered 503 because too much was in flight. */
    RequestsOverloaded: 'Count',
    /** Requests answered 429, because their caller had used its quota. */
    RequestsOverQuota: 'Count',
    /** Requests that passed uncounted, because Redis did not count them in time. */
    RequestsUncounted: 'Count',
  },
  /** Sums of an environment's requests, a line in ten seconds at most; none where there is no quota. */
  query: {
    /** As `RequestsOverQuota` of ingest. */
    QueriesOverQuota: 'Count',
    /** As `RequestsUncounted` of ingest. */
    QueriesUncounted: 'Count',
  },
  /** Sums of an environment's batches, a line in ten seconds at most. */
  consumer: {
    /** Segments stored, redelivered ones among them. */
    SegmentsStored: 'Count',
    /** Those of them that took the place of others for the same records: redelivered in other batches, or other records. */
    SegmentsReplaced: 'Count',
    /** Segments that Redis did not take; the flusher reads the log instead (U6). */
    SegmentsDropped: 'Count',
    /** Records delivered. */
    BatchRecords: 'Count',
    /** Bytes of those records. */
    BatchBytes: 'Bytes',
    /** Decoding envelopes, folding them and sealing the segments. */
    BatchFoldTime: 'Milliseconds',
    /** From the first append until Redis has answered for every segment. */
    BatchStoreTime: 'Milliseconds',
  },
  /**
   * One line a shard, at least once an invocation: work and its time are counted since the line before, and the gauges are absent
   * while the shard or the log does not answer.
   */
  flusher: {
    /** Events that count from now on. */
    EventsCommitted: 'Count',
    /** Events whose key counted already. */
    EventsDuplicate: 'Count',
    /** Refused events and whole foreign records, kept in quarantine. */
    EventsQuarantined: 'Count',
    /** Records of the log that were committed. */
    RecordsCommitted: 'Count',
    /** Bytes of the rows that they became. */
    BytesCommitted: 'Bytes',
    /** Passes: decoding segments, and folding records of the log. */
    PassFoldTime: 'Milliseconds',
    /** Passes: waiting for the log, Redis or the shard, without commits. */
    PassWaitTime: 'Milliseconds',
    /** Passes: commits, from making their days to the answer of COMMIT. */
    PassCommitTime: 'Milliseconds',
    /** Partitions of the shard that wait for an operator. */
    PartitionsHalted: 'Count',
    /**
     * Partitions of the shard that the latest pass left before a record which this code does not count: a newer
     * envelope version, a body that it cannot read under a right checksum, or more refused events than a range may
     * hold. Only other code ends that. Transient states are not in it: a record not delivered, a partition without a
     * leader, a log end that is behind for less than a minute.
     */
    PartitionsWaiting: 'Count',
    /** Records of the shard's partitions that are in the log and not committed. */
    LagRecords: 'Count',
    /** `ledger_log_difference` of those of the shard's partitions whose bounds are known; 0 in health. */
    LedgerLogDifference: 'Count',
    /** The age of the oldest envelope of the shard's partitions that is not committed; 0 if there is none. */
    OldestInFlight: 'Seconds',
  },
} as const;

/**
 * Figures of the whole pipeline, read from Postgres, Kafka and Redis when they are asked for, so that they are
 * the same whoever answers. A key is the member of `GET /api/v1/metrics`; `odometer_<key>` is the gauge of
 * `GET /metrics`. A figure whose source is down is null there and absent here. Minute: the ledger's last 60 s.
 */
export const pipelineFigures = {
  events_per_second: { unit: 'events/s', meaning: 'Events counted a second, over the last minute.' },
  events_per_minute: { unit: 'events', meaning: 'Events counted in the last minute.' },
  write_reduction: {
    unit: 'percent',
    meaning: '100 x (1 - write statements / (2 x events counted)) of the last minute; null without events.',
  },
  cache_hit_rate: { unit: 'percent', meaning: 'Null: there is no read cache yet.' },
  shard_distribution: {
    unit: 'ratio',
    meaning: 'Share of a shard in the events counted in the last minute; null without events.',
    labels: ['shard'],
  },
  lag_records: {
    unit: 'records',
    meaning: 'Records of a partition that are in the log and not committed.',
    labels: ['partition', 'shard'],
  },
  in_flight_records: { unit: 'records', meaning: 'The sum of lag_records.' },
  oldest_in_flight_seconds: {
    unit: 'seconds',
    meaning: 'Age of the oldest envelope that is not committed, since ingest made it; 0 without any.',
  },
  duplicates: { unit: 'events', meaning: 'Events of the last minute whose key counted already.' },
  conflicts: { unit: 'events', meaning: 'Those duplicates whose content differs from what counts.' },
  quarantined: {
    unit: 'records',
    meaning: 'Refused events and whole foreign records, quarantined in the last minute.',
  },
  halted_partitions: { unit: 'partitions', meaning: 'Partitions that wait for an operator.' },
  ledger_log_difference: {
    unit: 'records',
    meaning: 'Records between progress and its ledger, and committed or missing ones that the log lacks; 0.',
  },
  waiting_segments: { unit: 'segments', meaning: 'Segments in Redis that are not committed.' },
  source_up: {
    unit: 'bool',
    meaning: 'Whether a source answered completely: kafka, redis, shard0 to shard3.',
    labels: ['source'],
  },
} as const;

export type PipelineFigure = keyof typeof pipelineFigures;
