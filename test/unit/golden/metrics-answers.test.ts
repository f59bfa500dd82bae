import { beforeEach, it } from 'vitest';
import { build } from '../../../functions/metrics/handler.ts';
import { OdometerError } from '../../../shared/errors.ts';
import type { HttpEvent } from '../../../shared/http/stack.ts';
import { answerText, expectGolden } from '../../harness/builders/golden-file.ts';
import { administrator, httpEvent, lambdaContext } from '../../harness/builders/handlers.ts';
import { envelope, sealedEvent } from '../../harness/builders/records.ts';
import { FakeClock, testNowMs } from '../../harness/fakes/clock.ts';
import { FakeLogger } from '../../harness/fakes/logger.ts';

const partitions = 8;
type Ports = Parameters<typeof build>[0];

const window = { inserted: 300, duplicate: 4, conflicts: 1, quarantined: 2, writeStatements: 30 };
const position = (partition: number) => ({
  partition,
  nextOffset: 10 + partition,
  ledgerEnd: partition === 5 ? 11 : 10 + partition,
  haltCode: partition === 3 ? 'log_rewritten' : null,
});
const down = new OdometerError('shard_unavailable', 'a host', { retryable: true });

/** Eight partitions of which each has one record in flight more than the one before it. */
const healthy: Ports = {
  shards: {
    read: async ({ shard }) => ({
      window: { ...window, inserted: window.inserted * (shard + 1) },
      positions: [position(shard), position(shard + 4)],
    }),
  },
  log: {
    bounds: async () =>
      new Map(Array.from({ length: partitions }, (_, i) => [i, { start: 0, end: 10 + 2 * i }] as const)),
    read: async (reads) =>
      new Map(
        reads.map(({ partition, from }) => {
          const createdAtMs = testNowMs - 1000 * partition - 500;
          return [
            partition,
            [{ offset: from, value: envelope([sealedEvent()], { partition, createdAtMs }) }],
          ];
        }),
      ),
  },
  segments: { list: async () => new Map([[1, [{ from: 11, to: 12, events: 7 }]]]) },
  clock: new FakeClock(),
  logger: new FakeLogger(),
  partitions,
};
const idle: Ports = {
  ...healthy,
  shards: {
    read: async ({ shard }) => ({
      window: { inserted: 0, duplicate: 0, conflicts: 0, quarantined: 0, writeStatements: 0 },
      positions: [shard, shard + 4].map((partition) => ({
        partition,
        nextOffset: 0,
        ledgerEnd: 0,
        haltCode: null,
      })),
    }),
  },
  log: {
    ...healthy.log,
    bounds: async () => new Map(Array.from({ length: 8 }, (_, i) => [i, { start: 0, end: 0 }])),
  },
  segments: { list: async () => new Map() },
};
const broken: Ports = {
  ...healthy,
  shards: {
    read: (asked) => (asked.shard === 1 ? Promise.reject(down) : healthy.shards.read(asked)),
  },
  segments: { list: () => Promise.reject(down) },
};

let answers: string[] = [];
beforeEach(() => {
  answers = [];
});

async function answer(title: string, event: HttpEvent, ports = healthy): Promise<void> {
  answers.push(answerText(title, await build(ports)(event, lambdaContext())));
}

const json = httpEvent({ routeKey: 'GET /api/v1/metrics' });
const prometheus = httpEvent({ routeKey: 'GET /metrics' });

it('the figures are answered as JSON as in the golden file', async () => {
  await answer('200 JSON', json);
  await answer('200 JSON without traffic', json, idle);
  await answer('200 JSON with a shard and Redis down', json, broken);
  await expectGolden('answers/metrics-json.txt', answers.join('\n'));
});

it('the figures are answered to Prometheus as in the golden file', async () => {
  await answer('200 Prometheus', prometheus);
  await answer('200 Prometheus without traffic', prometheus, idle);
  await answer('200 Prometheus with a shard and Redis down', prometheus, broken);
  await expectGolden('answers/metrics-prometheus.txt', answers.join('\n'));
});

it('callers without rights are answered as in the golden file', async () => {
  const authorizer = { ...administrator, scopes: 'read' };
  await answer('403 no scope admin', httpEvent({ routeKey: 'GET /metrics', authorizer }));
  await answer('401 nobody', httpEvent({ routeKey: 'GET /api/v1/metrics', authorizer: null }));
  await expectGolden('answers/metrics-callers.txt', answers.join('\n'));
});
