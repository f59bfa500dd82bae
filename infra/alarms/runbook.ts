/** The sections of `infra/RUNBOOK.md`. An alarm must name one; a test compares this list with the headings. */
export const runbookSections = [
  'in-flight-age',
  'consumer-lag',
  'partition-halted',
  'partition-waiting',
  'ledger-log-difference',
  'quarantine-growth',
  'segments-dropped',
  'flusher-missing',
  'shard-silent',
  'api-5xx',
  'api-latency',
  'ingest-overloaded',
  'function-errors',
  'function-throttles',
  'cache-memory',
  'cache-evictions',
  'shard-storage',
  'shard-connections',
  'heads-not-kept',
  'shard-memory',
  'broker-health',
  'pollers-missing',
  'api-throttled',
] as const;

export type RunbookSection = (typeof runbookSections)[number];
