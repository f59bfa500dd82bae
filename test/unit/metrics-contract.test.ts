/** Every name of shared/contracts/metrics.ts is emitted by some code, and no code emits another. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { build } from '../../functions/metrics/handler.ts';
import { ENV_LAMBDA_NAME, ENV_STAGE } from '../../shared/contracts/env.ts';
import { functionMetrics, metricNamespace, pipelineFigures } from '../../shared/contracts/metrics.ts';
import { OdometerError } from '../../shared/errors.ts';
import { metricsSourceTimeoutMs, shardCount } from '../../shared/limits.ts';
import { createMetrics } from '../../shared/runtime/metrics/emf-metrics.ts';
import { noMetrics } from '../../shared/runtime/metrics.ts';
import { administrator, bodyOf, httpEvent, lambdaContext } from '../harness/builders/handlers.ts';
import { FakeClock } from '../harness/fakes/clock.ts';
import { FakeLogger } from '../harness/fakes/logger.ts';

interface EmfLine {
  readonly _aws: {
    readonly CloudWatchMetrics: readonly {
      readonly Namespace: string;
      readonly Dimensions: readonly (readonly string[])[];
      readonly Metrics: readonly { readonly Name: string; readonly Unit: string }[];
    }[];
  };
  readonly [member: string]: unknown;
}

const inLambda = { [ENV_LAMBDA_NAME]: 'lambda', [ENV_STAGE]: 'production' };
let written: string[] = [];
beforeEach(() => {
  written = [];
  vi.spyOn(console, 'log').mockImplementation((line: string) => void written.push(line));
  // So set, the library writes by the global console, which this test reads, and not by one of its own.
  vi.stubEnv('POWERTOOLS_DEV', 'true');
  vi.stubEnv('POWERTOOLS_METRICS_DISABLED', 'false');
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

function lines(): readonly EmfLine[] {
  return written.map((line) => JSON.parse(line));
}

const counts = { committed: 6, duplicate: 7, quarantined: 8, records: 9, bytes: 10_000 };
const work = { ...counts, foldMs: 16, waitMs: 17.5, commitMs: 18 };

function emitAll(): void {
  createMetrics('ingest', inLambda).ingested({ accepted: 5, rejected: 2, overloaded: 1 });
  const batch = { records: 12, bytes: 13_000, stored: 3, replaced: 2, dropped: 4, foldMs: 14.5, storeMs: 15 };
  createMetrics('consumer', inLambda).batchStored(batch);
  createMetrics('query', inLambda).quotaAsked({ overQuota: 4, uncounted: 3 });
  const standing = {
    halted: 1,
    waitingForCode: 9,
    lagRecords: 17,
    oldestInFlightMs: 2500,
    ledgerLogDifference: 11,
  };
  createMetrics('flusher', inLambda).flushed(2, work, standing);
}

it('every metric of a function is emitted in one line with its unit and value, and no other', () => {
  emitAll();
  const emitted = Object.fromEntries(
    lines().map(({ service, _aws }) => {
      const metrics = _aws.CloudWatchMetrics.flatMap((set) => set.Metrics);
      return [service, Object.fromEntries(metrics.map(({ Name, Unit }) => [Name, Unit]))];
    }),
  );
  expect(emitted).toEqual(functionMetrics);
  expect(lines()).toMatchObject([
    {
      EventsAccepted: 5,
      EventsRejected: 2,
      RequestsOverloaded: 1,
      RequestsOverQuota: 0,
      RequestsUncounted: 0,
    },
    {
      SegmentsStored: 3,
      SegmentsReplaced: 2,
      SegmentsDropped: 4,
      BatchRecords: 12,
      BatchBytes: 13_000,
      BatchFoldTime: 14.5,
      BatchStoreTime: 15,
    },
    { QueriesOverQuota: 4, QueriesUncounted: 3 },
    {
      EventsCommitted: 6,
      EventsDuplicate: 7,
      EventsQuarantined: 8,
      RecordsCommitted: 9,
      BytesCommitted: 10_000,
      PassFoldTime: 16,
      PassWaitTime: 17.5,
      PassCommitTime: 18,
      PartitionsHalted: 1,
      PartitionsWaiting: 9,
      LagRecords: 17,
      OldestInFlight: 2.5,
      LedgerLogDifference: 11,
    },
  ]);
});

it('dimensions are the function and the stage, and for the flusher also the shard', () => {
  emitAll();
  const of = ['service', 'stage'];
  const sets = lines().map(({ _aws }) => _aws.CloudWatchMetrics.map(({ Dimensions }) => Dimensions));
  expect(sets).toEqual([[[of]], [[of]], [[of]], [[of, [...of, 'shard']]]]);
  expect(lines()[3]).toMatchObject({ service: 'flusher', stage: 'production', shard: '2' });
  const namespaces = lines().flatMap(({ _aws }) => _aws.CloudWatchMetrics.map(({ Namespace }) => Namespace));
  expect(new Set(namespaces)).toEqual(new Set([metricNamespace]));
});

it('a second line repeats neither values nor shards of the first', () => {
  const metrics = createMetrics('flusher', inLambda);
  metrics.flushed(0, work, null);
  metrics.flushed(1, work, null);
  const [, second] = lines();
  expect(second).toMatchObject({ shard: '1', EventsCommitted: 6 });
  expect(second).not.toHaveProperty('LagRecords');
  expect(second?._aws.CloudWatchMetrics[0]?.Dimensions).toEqual([
    ['service', 'stage'],
    ['service', 'stage', 'shard'],
  ]);
});

it('where Lambda does not run the function nothing is written', () => {
  expect(createMetrics('ingest', { [ENV_STAGE]: 'local' })).toBe(noMetrics);
});

const window = { inserted: 60, duplicate: 1, conflicts: 0, quarantined: 0, writeStatements: 6 };

function metricsHandler(options: { hangs?: boolean } = {}) {
  const clock = new FakeClock();
  const positions = [0, 1, 2, 3].map((partition) => {
    return { partition, nextOffset: 5, ledgerEnd: 5, haltCode: null };
  });
  const handle = build({
    shards: {
      read: async ({ shard }) => {
        if (shard === 3) return { window, positions: positions.slice(3) };
        return { window, positions: positions.slice(shard, shard + 1) };
      },
    },
    log: {
      bounds: () =>
        options.hangs === true
          ? new Promise(() => {})
          : Promise.resolve(new Map(positions.map(({ partition }) => [partition, { start: 0, end: 5 }]))),
      read: async () => new Map(),
    },
    segments: {
      list: async () => {
        throw new OdometerError('segments_unavailable', 'secret host', { retryable: true });
      },
    },
    clock,
    logger: new FakeLogger(),
    partitions: shardCount,
  });
  const get = (path: string, authorizer = administrator) =>
    handle(httpEvent({ routeKey: `GET ${path}`, authorizer }), lambdaContext());
  return { get };
}

it('every figure of the pipeline is a member of the JSON and a gauge of the text', async () => {
  const { get } = metricsHandler();
  const body = bodyOf(await get('/api/v1/metrics'));
  expect(Object.keys(body).sort()).toEqual(
    [
      'as_of',
      'window_seconds',
      'unavailable',
      ...Object.keys(pipelineFigures).filter((name) => name !== 'source_up'),
    ].sort(),
  );
  expect(body).toMatchObject({ events_per_second: 4, events_per_minute: 240, write_reduction: 95 });
  const result = await get('/metrics');
  expect(result.headers?.['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
  const gauges = [...(result.body ?? '').matchAll(/^# TYPE odometer_(\w+) gauge$/gm)].map(([, name]) => name);
  const silent = ['cache_hit_rate', 'waiting_segments'];
  expect(gauges.sort()).toEqual(
    Object.keys(pipelineFigures)
      .filter((name) => !silent.includes(name))
      .sort(),
  );
});

it('the figures need the scope admin', async () => {
  const { get } = metricsHandler();
  const reader = { ...administrator, scopes: 'read ingest' };
  for (const path of ['/api/v1/metrics', '/metrics']) {
    const result = await get(path, reader);
    expect([result.statusCode, bodyOf(result).code]).toEqual([403, 'scope_required']);
  }
});

it('a source that hangs is named after a while, and its host is not', async () => {
  vi.useFakeTimers();
  const { get } = metricsHandler({ hangs: true });
  const answer = get('/api/v1/metrics');
  await vi.advanceTimersByTimeAsync(metricsSourceTimeoutMs + 1);
  const result = await answer;
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
  expect(result.statusCode).toBe(200);
  expect(bodyOf(result)).toMatchObject({ unavailable: ['kafka', 'redis'], in_flight_records: null });
  expect(result.body).not.toContain('secret');
});
