import { beforeEach, it, vi } from 'vitest';
import { build, type QueryPorts } from '../../../functions/query/handler.ts';
import type { AuthorizerContext } from '../../../shared/callers/http-caller.ts';
import { OdometerError } from '../../../shared/errors.ts';
import type { HttpEvent } from '../../../shared/http/stack.ts';
import { answerText, expectGolden } from '../../harness/builders/golden-file.ts';
import { administrator, httpEvent, lambdaContext, summaryEvent } from '../../harness/builders/handlers.ts';
import { FakeClock, testNowMs } from '../../harness/fakes/clock.ts';
import { noEvents } from '../../harness/fakes/event-ports.ts';
import { FakeLogger } from '../../harness/fakes/logger.ts';

const freshness = {
  ...{ observedAtMs: testNowMs, completeThroughMs: testNowMs - 31 },
  ...{ inFlight: null, complete: false },
};
const metrics = [
  { metric: 'api_calls', totalQuantity: '12345678901234567890123.000000000000000001', eventCount: 3 },
  { metric: 'storage:gb_hours', totalQuantity: '-0.5', eventCount: 1 },
];

const healthy: QueryPorts = {
  summaries: { summarize: async () => ({ metrics, freshness }), ping: async () => {} },
  events: noEvents,
  log: { bounds: async () => new Map() },
  segments: { assertNothingEvicted: async () => {} },
  clock: new FakeClock(),
  logger: new FakeLogger(),
};

let answers: string[] = [];
beforeEach(() => {
  answers = [];
});

async function answer(title: string, event: HttpEvent, ports: Partial<QueryPorts> = {}): Promise<void> {
  const result = build({ ...healthy, ...ports })(event, lambdaContext());
  answers.push(answerText(title, await result));
}

const summaryRoute = 'GET /api/v1/usage/summary/{organization}';
const summary = (query: Record<string, string>, authorizer: AuthorizerContext | null) =>
  httpEvent({ routeKey: summaryRoute, pathParameters: { organization: 'org_1' }, query, authorizer });
const days = { start_date: '2026-11-01', end_date: '2026-11-30' };
const asks = (query: Record<string, string>) => summary(query, administrator);

it('summaries are answered as in the golden file', async () => {
  await answer('200 a summary', asks(days));
  const unknown = { observedAtMs: null, completeThroughMs: null, inFlight: null, complete: false };
  const summarize = async () => ({ metrics: [], freshness: unknown });
  await answer('200 an organization without events', summaryEvent('org_9', '2026-02-28'), {
    summaries: { summarize, ping: async () => {} },
  });
  await answer('400 no days', asks({}));
  await answer('400 no day that exists', asks({ start_date: '2026-02-30', end_date: 'today' }));
  await answer('400 days in the wrong order', asks({ start_date: '2026-11-02', end_date: '2026-11-01' }));
  await answer('400 too many days', asks({ start_date: '2025-01-01', end_date: '2026-01-02' }));
  await answer('400 unknown parameters', asks({ ...days, metric: 'x', zone: 'y' }));
  await answer('400 no name', summaryEvent('a b', '2026-11-01'));
  await answer('401 nobody', summary(days, null));
  await answer('403 no scope read', summary(days, { ...administrator, scopes: 'ingest' }));
  await answer('403 another organization', summary(days, { ...administrator, organizations: 'org_2' }));
  const down = new OdometerError('shard_unavailable', 'a host', { retryable: true });
  const refused = { summarize: () => Promise.reject(down), ping: async () => {} };
  await answer('503 the shard is down', asks(days), { summaries: refused });
  const broken = { summarize: () => Promise.reject(new Error('a host')), ping: async () => {} };
  await answer('500 a bug', asks(days), { summaries: broken });
  await answer('404 another address', httpEvent({ routeKey: 'GET /other' }));
  await expectGolden('answers/query-summary.txt', answers.join('\n'));
});

it('liveness and readiness are answered as in the golden file', async () => {
  const health = httpEvent({ routeKey: 'GET /health', authorizer: null });
  const ready = httpEvent({ routeKey: 'GET /ready', authorizer: null });
  await answer('200 health', health);
  await answer('200 ready', ready);
  const evictable = new OdometerError('segments_evictable', 'a host', { retryable: false });
  vi.useFakeTimers();
  const down = answer('503 not ready', ready, {
    log: { bounds: () => new Promise(() => {}) },
    segments: { assertNothingEvicted: () => Promise.reject(evictable) },
    summaries: { ...healthy.summaries, ping: () => Promise.reject(new Error('a host')) },
  });
  await vi.advanceTimersByTimeAsync(2001);
  await down;
  vi.useRealTimers();
  await expectGolden('answers/query-readiness.txt', answers.join('\n'));
});
