/** The quota of a caller: fields of every answer, 429 above it, and passing where nobody counts. */
import { expect, it } from 'vitest';
import { build as buildIngest } from '../../functions/ingest/handler.ts';
import { build as buildQuery } from '../../functions/query/handler.ts';
import { quotaConfig } from '../../shared/callers/quota-config.ts';
import { quotaOf, type RequestWindow } from '../../shared/callers/request-quota.ts';
import { loadConfig } from '../../shared/runtime/config.ts';
import { noMetrics } from '../../shared/runtime/metrics.ts';
import { batchEvent, bodyOf, httpEvent, lambdaContext, usageBody } from '../harness/builders/handlers.ts';
import { FakeClock } from '../harness/fakes/clock.ts';
import { FakeLog } from '../harness/fakes/log.ts';
import { FakeLogger } from '../harness/fakes/logger.ts';

const settings = {
  generation: 1,
  encryptionKey: Buffer.alloc(32, 1),
  lingerMs: 0,
  envelopeVersion: 2 as const,
};
const event = batchEvent([usageBody()]);

/** Ingest with a quota of 10 whose counter answers this; null: it does not. */
function ingestWith(window: RequestWindow | null) {
  const asked: string[] = [];
  const counts: unknown[] = [];
  const log = new FakeLog();
  const metrics = { ...noMetrics, quotaAsked: (count: unknown) => void counts.push(count) };
  const count = async (caller: string) => {
    asked.push(caller);
    return window;
  };
  const quota = quotaOf({ requestsMax: 10, location: null }, { metrics, connect: () => ({ count }) });
  const handle = buildIngest(settings, {
    log,
    clock: new FakeClock(),
    logger: new FakeLogger(),
    metrics,
    quota,
  });
  return { handle, asked, counts, log };
}

it('a request within the quota passes, and its answer says what is left', async () => {
  const { handle, asked, counts } = ingestWith({ requests: 4, leftMs: 300 });
  const answer = await handle(event, lambdaContext());
  expect(answer).toMatchObject({
    statusCode: 202,
    headers: { 'ratelimit-policy': '"caller";q=10;w=1', ratelimit: '"caller";r=6;t=1' },
  });
  expect(asked).toEqual(['local-admin']);
  expect(counts).toEqual([{ overQuota: 0, uncounted: 0 }]);
});

it('the last request of the quota passes, and the one after it is refused and stores nothing', async () => {
  const last = await ingestWith({ requests: 10, leftMs: 1000 }).handle(event, lambdaContext());
  expect(last).toMatchObject({ statusCode: 202, headers: { ratelimit: '"caller";r=0;t=1' } });
  const { handle, counts, log } = ingestWith({ requests: 11, leftMs: 0 });
  const answer = await handle(event, lambdaContext());
  expect(answer).toMatchObject({
    statusCode: 429,
    headers: {
      'content-type': 'application/problem+json',
      'ratelimit-policy': '"caller";q=10;w=1',
      ratelimit: '"caller";r=0;t=1',
      'retry-after': '1',
    },
  });
  expect(bodyOf(answer)).toMatchObject({ code: 'quota_exceeded' });
  expect([counts, log.appends]).toEqual([[{ overQuota: 1, uncounted: 0 }], []]);
});

it('where nobody counts the request passes, is counted as such, and no field claims a quota', async () => {
  const { handle, counts } = ingestWith(null);
  const answer = await handle(event, lambdaContext());
  expect(answer.statusCode).toBe(202);
  expect(Object.keys(answer.headers ?? {}).filter((name) => name.startsWith('ratelimit'))).toEqual([]);
  expect(counts).toEqual([{ overQuota: 0, uncounted: 1 }]);
});

it('a request without a caller is no caller’s: it is neither counted nor admitted by the quota', async () => {
  const { handle, asked } = ingestWith({ requests: 1, leftMs: 1000 });
  const answer = await handle(
    { ...event, requestContext: { ...event.requestContext, authorizer: { lambda: null } } },
    lambdaContext(),
  );
  expect([answer.statusCode, asked]).toEqual([401, []]);
});

it('queries are counted like events, public routes are not', async () => {
  const asked: string[] = [];
  const count = async (caller: string) => {
    asked.push(caller);
    return { requests: 2, leftMs: 900 };
  };
  const quota = quotaOf(
    { requestsMax: 1, location: null },
    { metrics: noMetrics, connect: () => ({ count }) },
  );
  const handle = buildQuery({
    summaries: { summarize: () => Promise.reject(new Error('asked')), ping: async () => {} },
    log: { bounds: async () => new Map() },
    segments: { assertNothingEvicted: async () => {} },
    clock: new FakeClock(),
    logger: new FakeLogger(),
    quota,
  });
  const health = httpEvent({ routeKey: 'GET /health', authorizer: null });
  const summary = httpEvent({ routeKey: 'GET /api/v1/usage/summary/{organization}' });
  expect((await handle(health, lambdaContext())).statusCode).toBe(200);
  expect(asked).toEqual([]);
  expect((await handle(summary, lambdaContext())).statusCode).toBe(429);
  expect(asked).toEqual(['local-admin']);
});

it('without a setting nothing is connected, and a quota without Redis is no configuration', async () => {
  const connect = () => {
    throw new Error('connected');
  };
  expect(quotaOf(undefined, { metrics: noMetrics, connect })).toBeUndefined();
  const secrets = { read: () => Promise.reject(new Error('no secret')) };
  const load = (environment: Readonly<Record<string, string>>) =>
    loadConfig(quotaConfig, environment, secrets);
  const url = 'redis://localhost';
  expect(await load({ REDIS_URL: url })).toEqual({ quota: undefined });
  expect(await load({ CALLER_REQUESTS_PER_SECOND: '0' })).toEqual({ quota: undefined });
  expect(await load({ CALLER_REQUESTS_PER_SECOND: '5', REDIS_URL: url })).toEqual({
    quota: { requestsMax: 5, location: { url, sentinelUrl: undefined } },
  });
  await expect(load({ CALLER_REQUESTS_PER_SECOND: '5' })).rejects.toThrow('REDIS_URL: must be set');
  for (const value of ['-1', '1.5', 'many', '1000001'])
    await expect(load({ CALLER_REQUESTS_PER_SECOND: value, REDIS_URL: url })).rejects.toThrow(
      'CALLER_REQUESTS',
    );
});
