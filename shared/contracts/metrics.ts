/**
 * The metrics of our own: names and units as CloudWatch knows them (EMF, namespace and dimensions below), who
 * emits each, and what it counts. Dashboards and alarms stand on these names; a test finds a metric that nobody
 * reads. Dimensions are bounded: never an organization, a partition or a key.
 */
export const metricNamespace = 'Odometer';
/** `service` is the emitting function's name, `stage` the installation's. Every metric has exactly these two. */
export const metricDimensions = ['service', 'stage'] as const;

export interface Metric {
  /** As EMF and CloudWatch spell it. */
  readonly unit: 'Count' | 'Seconds';
  readonly service: 'ingest' | 'consumer' | 'flusher';
  readonly meaning: string;
}

/** The flusher emits its gauges once a minute, each over all partitions of all shards that it can reach. */
export const metrics = {
  EventsAccepted: { unit: 'Count', service: 'ingest', meaning: 'events answered 202' },
  EventsRejected: { unit: 'Count', service: 'ingest', meaning: 'events refused by validation' },
  RequestsOverloaded: {
    unit: 'Count',
    service: 'ingest',
    meaning: 'requests answered 503 above the in-flight bound',
  },
  SegmentsStored: { unit: 'Count', service: 'consumer', meaning: 'segments appended to the cache' },
  SegmentsSkipped: {
    unit: 'Count',
    service: 'consumer',
    meaning:
      'segments not stored because the cache was full, slow or down; the flusher reads the log instead',
  },
  PartitionsWaiting: {
    unit: 'Count',
    service: 'consumer',
    meaning: 'batches given back because a record is newer code’s or our bug',
  },
  SegmentsDropped: {
    unit: 'Count',
    service: 'flusher',
    meaning: 'stored segments that were damaged, foreign or forged; the log was read instead',
  },
  EventsCommitted: { unit: 'Count', service: 'flusher', meaning: 'events counted for the first time' },
  EventsDuplicate: { unit: 'Count', service: 'flusher', meaning: 'events that were counted before' },
  EventsQuarantined: {
    unit: 'Count',
    service: 'flusher',
    meaning: 'records or events that could not be counted',
  },
  FlusherPasses: {
    unit: 'Count',
    service: 'flusher',
    meaning: 'passes over all shards that came to their end',
  },
  ShardsUnreachable: {
    unit: 'Count',
    service: 'flusher',
    meaning: 'gauge: shards that did not answer the last pass',
  },
  PartitionsHalted: {
    unit: 'Count',
    service: 'flusher',
    meaning: 'gauge: partitions that wait for an operator (U7)',
  },
  InFlightRecords: {
    unit: 'Count',
    service: 'flusher',
    meaning: 'gauge: records in the log above `next_offset`',
  },
  OldestInFlightAge: {
    unit: 'Seconds',
    service: 'flusher',
    meaning: 'gauge: age of the oldest record above `next_offset`; 0 when nothing is in flight',
  },
  ConsumerLag: {
    unit: 'Count',
    service: 'flusher',
    meaning: 'gauge: events in the log above what the consumer group has committed',
  },
  LedgerLogDifference: {
    unit: 'Count',
    service: 'flusher',
    meaning:
      'gauge: records below `next_offset` by the log’s offsets minus records in the ledger, added up without sign; anything but 0 is a fault (U5)',
  },
} as const satisfies Readonly<Record<string, Metric>>;

export type MetricName = keyof typeof metrics;
