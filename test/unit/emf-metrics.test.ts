import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { metricsPublishMs } from '../../shared/limits.ts';
import { createMetrics } from '../../shared/runtime/metrics/emf-metrics.ts';

const environment = { AWS_LAMBDA_FUNCTION_NAME: 'lambda', STAGE: 'staging' };
let lines: Record<string, unknown>[];
let nowMs: number;
const clock = () => nowMs;

beforeEach(() => {
  lines = [];
  nowMs = 1_000;
  // So set, the library writes by the global console.
  vi.stubEnv('POWERTOOLS_DEV', 'true');
  vi.stubEnv('POWERTOOLS_METRICS_DISABLED', 'false');
  vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(JSON.parse(line)));
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

it('ten thousand requests of an interval are one line, with their sums, and nothing is counted twice', () => {
  const metrics = createMetrics('ingest', environment, clock);
  const request = () => metrics.ingested({ accepted: 3, rejected: 1, overloaded: 0 });
  request();
  expect(lines).toMatchObject([{ EventsAccepted: 3, EventsRejected: 1, RequestsOverloaded: 0 }]);
  for (let i = 0; i < 10_000; i++) request();
  expect(lines).toHaveLength(1);
  nowMs += metricsPublishMs;
  request();
  expect(lines).toHaveLength(2);
  expect(lines[1]).toMatchObject({ EventsAccepted: 30_003, EventsRejected: 10_001, RequestsOverloaded: 0 });
});

it('a function that is seldom used writes a line each time: what is lost with an environment is under ten seconds', () => {
  const metrics = createMetrics('consumer', environment, clock);
  for (let i = 0; i < 3; i++) {
    metrics.batchStored({
      records: 1,
      bytes: 100,
      stored: 1,
      replaced: 0,
      dropped: i,
      foldMs: 1,
      storeMs: 1,
    });
    nowMs += metricsPublishMs;
  }
  expect(lines.map(({ SegmentsDropped }) => SegmentsDropped)).toEqual([0, 1, 2]);
});
