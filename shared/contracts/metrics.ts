/**
 * The metrics, once: dashboards, alarms, the functions that emit them and the tests use these names. A metric
 * of a function goes to CloudWatch in embedded metric format; its dimensions are the function and, for the
 * flusher, the shard: never an organization, whose number has no bound.
 */
export const metricNamespace = 'Odometer';
/** Dimensions; Powertools calls the function its service. */
export const dimensionFunction = 'service';
export const dimensionShard = 'shard';

/** ingest, count a request: events that are durable in the log. */
export const metricEventsAccepted = 'EventsAccepted';
/** ingest, count a request: events of a readable body that were not accepted. */
export const metricEventsRejected = 'EventsRejected';
/** ingest, count: requests answered 503 because too much was in flight. */
export const metricRequestsOverloaded = 'RequestsOverloaded';
/** consumer, count a batch: segments stored, redelivered ones among them. */
export const metricSegmentsStored = 'SegmentsStored';
/** consumer, count a batch: segments that Redis did not take; the flusher reads the log instead (U6). */
export const metricSegmentsDropped = 'SegmentsDropped';
/** consumer, a batch: records delivered, and their bytes. */
export const metricBatchRecords = 'BatchRecords';
export const metricBatchBytes = 'BatchBytes';
/** consumer, milliseconds a batch: decoding envelopes, folding them and sealing the segments. */
export const metricBatchFoldTime = 'BatchFoldTime';
/** consumer, milliseconds a batch: from the first append until Redis has answered for every segment. */
export const metricBatchStoreTime = 'BatchStoreTime';
/** flusher, count since its last line: events that count from now on. */
export const metricEventsCommitted = 'EventsCommitted';
/** flusher, count since its last line: events whose key counted already. */
export const metricEventsDuplicate = 'EventsDuplicate';
/** flusher, count since its last line: refused events and whole foreign records, kept in quarantine. */
export const metricEventsQuarantined = 'EventsQuarantined';
/** flusher, since its last line: records of the log that were committed, and the bytes of rows that they became. */
export const metricRecordsCommitted = 'RecordsCommitted';
export const metricBytesCommitted = 'BytesCommitted';
/** flusher, milliseconds of its passes since its last line: decoding segments, and folding records of the log. */
export const metricPassFoldTime = 'PassFoldTime';
/** flusher, milliseconds of its passes since its last line: waiting for the log, Redis or the shard, without commits. */
export const metricPassWaitTime = 'PassWaitTime';
/** flusher, milliseconds of its passes since its last line: transactions of the shard. */
export const metricPassCommitTime = 'PassCommitTime';
/** flusher, count: partitions of the shard that wait for an operator. */
export const metricPartitionsHalted = 'PartitionsHalted';
/**
 * flusher, count: partitions of the shard that the latest pass left before a record which this code does not count:
 * a newer envelope version, a body that it cannot read under a right checksum, or more refused events than a range
 * may hold. Only other code ends that. Transient failures are not in it: a record not delivered, a partition without a leader,
 * a log end that is behind for less than a minute.
 */
export const metricPartitionsWaiting = 'PartitionsWaiting';
/**
 * flusher, count: records of the shard's partitions that are in the log and not committed. Like the other gauges it
 * is emitted at least once an invocation, and absent while the shard or the log does not answer.
 */
export const metricLagRecords = 'LagRecords';
/** flusher, count: `ledger_log_difference` of the shard's partitions whose bounds are known; 0 in health. */
export const metricLedgerLogDifference = 'LedgerLogDifference';
/** flusher, seconds: the age of the oldest envelope of the shard's partitions that is not committed; 0 if none. */
export const metricOldestInFlight = 'OldestInFlight';

/** What each function emits, with the units of CloudWatch. */
export const functionMetrics = {
  ingest: {
    [metricEventsAccepted]: 'Count',
    [metricEventsRejected]: 'Count',
    [metricRequestsOverloaded]: 'Count',
  },
  consumer: {
    [metricSegmentsStored]: 'Count',
    [metricSegmentsDropped]: 'Count',
    [metricBatchRecords]: 'Count',
    [metricBatchBytes]: 'Bytes',
    [metricBatchFoldTime]: 'Milliseconds',
    [metricBatchStoreTime]: 'Milliseconds',
  },
  flusher: {
    [metricEventsCommitted]: 'Count',
    [metricEventsDuplicate]: 'Count',
    [metricEventsQuarantined]: 'Count',
    [metricRecordsCommitted]: 'Count',
    [metricBytesCommitted]: 'Bytes',
    [metricPassFoldTime]: 'Milliseconds',
    [metricPassWaitTime]: 'Milliseconds',
    [metricPassCommitTime]: 'Milliseconds',
    [metricPartitionsHalted]: 'Count',
    [metricPartitionsWaiting]: 'Count',
    [metricLagRecords]: 'Count',
    [metricLedgerLogDifference]: 'Count',
    [metricOldestInFlight]: 'Seconds',
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
