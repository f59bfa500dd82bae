/** Names that others set, read or subscribe to. */
import { afterEach, expect, it, vi } from 'vitest';
import { toBatchResponse } from '../../../functions/consumer/from-msk-event.ts';
import * as environment from '../../../shared/contracts/env.ts';
import { ENV_LAMBDA_NAME, ENV_STAGE } from '../../../shared/contracts/env.ts';
import { functionMetrics, pipelineFigures } from '../../../shared/contracts/metrics.ts';
import { routes } from '../../../shared/contracts/routes.ts';
import { usageTopic } from '../../../shared/contracts/topic.ts';
import { createMetrics } from '../../../shared/runtime/metrics/emf-metrics.ts';
import { expectGolden, jsonText } from '../../harness/builders/golden-file.ts';

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

it('variables, secrets, routes, topic and figures have the names of the golden file', async () => {
  const { secretNames, stageSecretName } = environment;
  const variables = Object.values(environment).filter((value) => typeof value === 'string');
  const contracts = {
    variables: variables.toSorted(),
    secretNames,
    secretOfStage: stageSecretName('production', 'ENCRYPTION_KEY'),
    routes,
    usageTopic,
    functionMetrics,
    pipelineFigures,
    consumerAnswer: toBatchResponse([{ itemPartition: 'billing.usage.events-6', offset: 41 }]),
    consumerAnswerWithoutWaits: toBatchResponse([]),
  };
  await expectGolden('answers/contracts.json', jsonText(contracts));
});

it('metrics of the functions are the lines of the golden file', async () => {
  const inLambda = { [ENV_LAMBDA_NAME]: 'lambda', [ENV_STAGE]: 'production' };
  const lines: unknown[] = [];
  vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line));
  // So set, the library writes by the global console, which this test reads, and not by one of its own.
  vi.stubEnv('POWERTOOLS_DEV', 'true');
  vi.stubEnv('POWERTOOLS_METRICS_DISABLED', 'false');
  createMetrics('ingest', inLambda).ingested({ accepted: 5, rejected: 2, overloaded: 1 });
  const batch = { records: 12, bytes: 13_000, stored: 3, replaced: 2, dropped: 4, foldMs: 14.5, storeMs: 15 };
  createMetrics('consumer', inLambda).batchStored(batch);
  createMetrics('query', inLambda).quotaAsked({ overQuota: 4, uncounted: 3 });
  const counts = { committed: 6, duplicate: 7, quarantined: 8, records: 9, bytes: 10_000 };
  const work = { ...counts, foldMs: 16, waitMs: 17.5, commitMs: 18 };
  const standing = {
    halted: 1,
    waitingForCode: 9,
    lagRecords: 17,
    oldestInFlightMs: 2500,
    ledgerLogDifference: 11,
  };
  createMetrics('flusher', inLambda).flushed(2, work, standing);
  createMetrics('flusher', inLambda).flushed(3, work, null);
  const timeless = lines.map((line) => String(line).replace(/"Timestamp":\d+/, '"Timestamp":"<time>"'));
  expect(timeless).toHaveLength(5);
  await expectGolden('answers/function-metrics.txt', timeless.join('\n'));
});
