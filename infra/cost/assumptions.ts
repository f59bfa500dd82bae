/** What no price list says. Each is an estimate until it is measured in an account; change it here. */
export const assumptions = {
  hoursPerMonth: 730,
  /** JSON of one event on its way in. */
  requestBytesPerEvent: 250,
  /** Of an ingest invocation: a start, and a little for each event. */
  ingestMs: { base: 12, perEvent: 0.1 },
  /** In the log, headers and batches included: large requests share their headers and compress. */
  logBytesPerEvent: [
    { batchFrom: 1, bytes: 600 },
    { batchFrom: 25, bytes: 300 },
    { batchFrom: 100, bytes: 250 },
  ],
  /** Of the bytes between our servers: two of three are in another zone. */
  crossZoneShare: 2 / 3,
  retentionDays: 30,
  consumer: { invocationsPerSecondPerPartition: 3, ms: 60 },
  /** The flusher of each shard runs for 55 seconds of every minute. */
  flusherShare: 55 / 60,
  /** A row of `usage_events` with its 16-byte unique key. */
  shardBytesPerEvent: 300,
  /** At least 35, because an event may be 35 days old and its duplicate must be found. */
  rowDaysKept: 35,
  /** Aurora keeps backups of the size of the volume for nothing; 35 days of it are about one more. */
  backupVolumes: 1,
  /** An event in a segment, and on its way into a shard. */
  segmentBytesPerEvent: 230,
  answerBytes: 400,
  accessLogBytesPerRequest: 260,
  metricLineBytes: 355,
  metricsIntervalSeconds: 10,
  secrets: 14,
  /** Environments that watch their secrets read each again once a minute: 20 consumers one, 4 flushers three, 14 authorizers two. */
  secretReadsPerMinute: 60,
  keys: 5,
  /** A metric for each set of dimensions; an alarm is billed for each metric it watches. Counted by a test. */
  metrics: 79,
  alarms: 65,
  cacheNodes: 3,
  zones: 3,
  /** The batch at which the ceiling of one organization is published. */
  ceilingBatch: 100,
} as const;

export function logBytesPerEvent(batch: number): number {
  return assumptions.logBytesPerEvent.findLast(({ batchFrom }) => batch >= batchFrom)?.bytes ?? 0;
}
