/** Metrics of ours by their dimensions: what a function emits is what the alarms and panels of its stage read. */
import { afterEach, expect, it, vi } from 'vitest';
import { production } from '../../infra/config/production.ts';
import type { Stage } from '../../infra/config/stage.ts';
import { staging } from '../../infra/config/staging.ts';
import { ENV_LAMBDA_NAME, ENV_STAGE } from '../../shared/contracts/env.ts';
import { metricNamespace } from '../../shared/contracts/metrics.ts';
import { shardCount } from '../../shared/limits.ts';
import { createMetrics } from '../../shared/runtime/metrics/emf-metrics.ts';
import { templateOf } from './synthesize.ts';

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

/** `NAME dimension=value …` of every metric of ours that the stage's alarms and dashboard read. */
function readBy(stage: Stage): ReadonlySet<string> {
  const text = JSON.stringify(templateOf(stage, 'Monitoring').toJSON());
  const alarmed = /"Dimensions":(\[[^\]]*\]),"MetricName":"(\w+)","Namespace":"Odometer"/g;
  const shown = /\["Odometer","(\w+)",((?:"\w+","\w+",?)+)/g;
  return new Set([
    ...[...text.matchAll(alarmed)].map(([, dimensions = '', name]) => {
      const pairs: { Name: string; Value: string }[] = JSON.parse(dimensions);
      return metricKey(name, new Map(pairs.map(({ Name, Value }) => [Name, Value])));
    }),
    ...[...text.replaceAll('\\', '').matchAll(shown)].map(([, name, dimensions = '']) => {
      const words = [...dimensions.matchAll(/\w+/g)].map(([word]) => word);
      const pairs = words.flatMap((word, at) => (at % 2 === 0 ? [[word, words[at + 1]] as const] : []));
      return metricKey(name, new Map(pairs));
    }),
  ]);
}

function metricKey(name: string | undefined, dimensions: ReadonlyMap<string, unknown>): string {
  const pairs = [...dimensions].map(([dimension, value]) => `${dimension}=${value}`).sort();
  return [name, ...pairs].join(' ');
}

/** The same of everything that the functions of a stage emit. */
function emittedBy({ name: stage }: Stage): ReadonlySet<string> {
  const written: string[] = [];
  vi.spyOn(console, 'log').mockImplementation((line: string) => void written.push(line));
  // So set, the library writes by the global console, which this test reads, and not by one of its own.
  vi.stubEnv('POWERTOOLS_DEV', 'true');
  vi.stubEnv('POWERTOOLS_METRICS_DISABLED', 'false');
  const environment = { [ENV_LAMBDA_NAME]: 'lambda', [ENV_STAGE]: stage };
  createMetrics('ingest', environment).ingested({ accepted: 1, rejected: 1, overloaded: 1 });
  createMetrics('query', environment).quotaAsked({ overQuota: 1, uncounted: 1 });
  const batch = { records: 1, bytes: 1, stored: 1, replaced: 0, dropped: 1, foldMs: 1, storeMs: 1 };
  createMetrics('consumer', environment).batchStored(batch);
  const flusher = createMetrics('flusher', environment);
  const standing = {
    halted: 1,
    waitingForCode: 1,
    lagRecords: 1,
    oldestInFlightMs: 1,
    ledgerLogDifference: 1,
  };
  const counts = { committed: 1, duplicate: 1, quarantined: 1, records: 1, bytes: 1 };
  const work = { ...counts, foldMs: 1, waitMs: 1, commitMs: 1 };
  for (let shard = 0; shard < shardCount; shard++) flusher.flushed(shard, work, standing);
  return new Set(
    written.flatMap((line) => {
      const { _aws, ...values } = JSON.parse(line);
      const [{ Namespace, Dimensions, Metrics }] = _aws.CloudWatchMetrics;
      expect(Namespace).toBe(metricNamespace);
      return Metrics.flatMap(({ Name }: { Name: string }) =>
        Dimensions.map((set: readonly string[]) =>
          metricKey(Name, new Map(set.map((dimension) => [dimension, values[dimension]]))),
        ),
      );
    }),
  );
}

it('alarms and panels read nothing that the functions of their stage do not emit', () => {
  const read = readBy(production);
  expect(read.size).toBeGreaterThan(12);
  const emitted = emittedBy(production);
  expect([...read].filter((key) => !emitted.has(key))).toEqual([]);
});

it('two stages of one account do not mix', () => {
  const others = readBy(staging);
  expect([...readBy(production)].filter((key) => others.has(key))).toEqual([]);
  const emitted = emittedBy(staging);
  expect([...emittedBy(production)].filter((key) => emitted.has(key))).toEqual([]);
});

it('a function in Lambda without a stage does not start, because nobody would see its metrics', () => {
  expect(() => createMetrics('ingest', { [ENV_LAMBDA_NAME]: 'lambda' })).toThrow(ENV_STAGE);
});
