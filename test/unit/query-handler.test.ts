import { describe, expect, it, vi } from 'vitest';
import { build, type QueryPorts } from '../../functions/query/handler.ts';
import { OdometerError } from '../../shared/errors.ts';
import type { HttpResult } from '../../shared/http/stack.ts';
import type { SummaryReader } from '../../shared/ledger/summary.ts';
import {
  readinessAgeMsMax,
  readinessTimeoutMs,
  summaryDaysMax,
  summaryMetricsMax,
} from '../../shared/limits.ts';
import { administrator, bodyOf, httpEvent, lambdaContext } from '../harness/builders/handlers.ts';
import { FakeClock, testNowMs } from '../harness/fakes/clock.ts';
import { noEvents } from '../harness/fakes/event-ports.ts';
import { FakeLogger } from '../harness/fakes/logger.ts';

type Request = Parameters<SummaryReader['summarize']>[0];

function setup(ports: Partial<QueryPorts> = {}) {
  const requests: Request[] = [];
  const handle = build({
    summaries: {
      summarize: async (request) => {
        requests.push(request);
        return {
          metrics: [{ metric: 'api_calls', totalQuantity: '1234.5', eventCount: 42 }],
          freshness: {
            ...{ observedAtMs: testNowMs, completeThroughMs: testNowMs - 1900 },
            ...{ inFlight: null, complete: false },
          },
        };
      },
      ping: async () => {},
    },
    events: noEvents,
    log: { bounds: async () => new Map() },
    segments: { assertNothingEvicted: async () => {} },
    logger: new FakeLogger(),
    clock: new FakeClock(),
    ...ports,
  });
  const summary = (
    query: Record<string, string>,
    organization = 'org_1',
    authorizer = administrator,
  ): Promise<HttpResult> => {
    const routeKey = 'GET /api/v1/usage/summary/{organization}';
    return handle(
      httpEvent({ routeKey, query, pathParameters: { organization }, authorizer }),
      lambdaContext(),
    );
  };
  const get = (path: string): Promise<HttpResult> =>
    handle(httpEvent({ routeKey: `GET ${path}`, authorizer: null }), lambdaContext());
  return { requests, summary, get };
}

const november = { start_date: '2026-11-01', end_date: '2026-11-30' };

describe('the summary', () => {
  it('U9: has at most as many metrics as are asked for, and says where the next ones begin', async () => {
    const names = ['a', 'b/c', 'd'];
    const pages: unknown[] = [];
    const { summary } = setup({
      summaries: {
        summarize: async ({ after = '', limit = 0 }) => ({
          metrics: names
            .filter((metric) => metric > after)
            .slice(0, limit)
            .map((metric) => ({ metric, totalQuantity: '1', eventCount: 1 })),
          freshness: { observedAtMs: null, completeThroughMs: null, inFlight: null, complete: false },
        }),
        ping: async () => {},
      },
    });
    let cursor: string | undefined;
    do {
      const page = JSON.parse(
        (await summary({ ...november, limit: '2', ...(cursor === undefined ? {} : { cursor }) })).body ?? '',
      ) as { readonly metrics: readonly { readonly metric_name: string }[]; readonly next_cursor?: string };
      pages.push(page.metrics.map(({ metric_name }) => metric_name));
      cursor = page.next_cursor;
    } while (cursor !== undefined);
    expect(pages).toEqual([['a', 'b/c'], ['d']]);
  });

  it('asks the shard for one metric, and for one more than a page holds', async () => {
    const { summary, requests } = setup();
    await summary({ ...november, metric: 'openai/gpt-4o' });
    expect(requests).toMatchObject([{ metric: 'openai/gpt-4o', limit: summaryMetricsMax + 1 }]);
  });

  it.each([
    ['limit', '0'],
    ['limit', '1001'],
    ['limit', 'all'],
    ['metric', 'a b'],
    ['cursor', 'a b'],
    ['cursor', ''],
  ])('refuses %s %j by name', async (field, value) => {
    const answer = await setup().summary({ ...november, [field]: value });
    expect(answer.statusCode).toBe(400);
    expect(bodyOf(answer).errors).toMatchObject([{ field, code: 'invalid_value' }]);
  });

  it('has the body of the contract', async () => {
    const { summary, requests } = setup();
    const result = await summary(november);
    expect(result.statusCode).toBe(200);
    expect(result.body).toBe(
      '{"organization_id":"org_1","start_date":"2026-11-01","end_date":"2026-11-30","timezone":"UTC",' +
        '"metrics":[{"metric_name":"api_calls","total_quantity":"1234.5","event_count":42}],' +
        '"freshness":{"observed_at":"2026-11-23T10:00:00.000Z","complete_through":"2026-11-23T09:59:58.100Z",' +
        '"in_flight":null,"complete":false}}',
    );
    const day = (date: string): number => Date.parse(date) / 86_400_000;
    expect(requests).toMatchObject([
      { organization: 'org_1', startDay: day('2026-11-01'), endDay: day('2026-11-30') },
    ]);
  });

  it('of an unknown organization is 200 with no metrics', async () => {
    const freshness = {
      observedAtMs: null,
      completeThroughMs: null,
      inFlight: null,
      complete: false,
    } as const;
    const summaries = { summarize: async () => ({ metrics: [], freshness }), ping: async () => {} };
    const { summary } = setup({ summaries });
    const result = await summary(november, 'nobody');
    expect(result.statusCode).toBe(200);
    expect(bodyOf(result)).toMatchObject({ metrics: [], freshness: { complete_through: null } });
  });

  it.each([
    ['one day', '2026-11-23', '2026-11-23'],
    ['the most days', '2024-01-01', '2024-12-31'],
  ])('of %s is answered', async (_what, start, end) => {
    const { summary } = setup();
    expect((await summary({ start_date: start, end_date: end })).statusCode).toBe(200);
  });

  it.each([
    ['no dates', {}, ['start_date', 'end_date']],
    ['no end', { start_date: '2026-11-01' }, ['end_date']],
    ['a day that does not exist', { ...november, end_date: '2026-11-31' }, ['end_date']],
    ['a time', { ...november, start_date: '2026-11-01T00:00:00Z' }, ['start_date']],
    ['an end before its start', { start_date: '2026-11-02', end_date: '2026-11-01' }, ['end_date']],
    [`${summaryDaysMax + 1} days`, { start_date: '2024-01-01', end_date: '2025-01-01' }, ['end_date']],
    ['parameters of later work', { ...november, window: 'day', timezone: 'UTC' }, ['window', 'timezone']],
  ])('with %s is 400 and names the parameter', async (_what, query, fields) => {
    const { summary, requests } = setup();
    const result = await summary(query);
    expect(result.statusCode).toBe(400);
    const { errors } = bodyOf(result);
    expect(Array.isArray(errors) ? errors.map(({ field }) => field) : []).toEqual(fields);
    expect(requests).toEqual([]);
  });

  it.each(['', 'a b', 'x'.repeat(129), "'; --"])(
    'of the impossible organization %j is 400',
    async (organization) => {
      const { summary } = setup();
      expect((await summary(november, organization)).statusCode).toBe(400);
    },
  );

  it('U10: needs the scope read, and an organization of the caller', async () => {
    const { summary, requests } = setup();
    const writer = await summary(november, 'org_1', { ...administrator, scopes: 'ingest' });
    expect([writer.statusCode, bodyOf(writer).code]).toEqual([403, 'scope_required']);
    const other = await summary(november, 'org_1', { ...administrator, organizations: 'org_2' });
    expect([other.statusCode, bodyOf(other).code]).toEqual([403, 'organization_not_allowed']);
    expect(requests).toEqual([]);
    expect((await summary(november, 'org_2', { ...administrator, organizations: 'org_2' })).statusCode).toBe(
      200,
    );
  });

  it('of a shard that does not answer is 503', async () => {
    const summarize = async () => {
      throw new OdometerError('shard_unavailable', 'shard 1', { retryable: true });
    };
    const { summary } = setup({ summaries: { summarize, ping: async () => {} } });
    const result = await summary(november);
    expect([result.statusCode, bodyOf(result).code]).toEqual([503, 'shard_unavailable']);
  });
});

describe('health and readiness', () => {
  it('liveness asks nobody', async () => {
    const { get } = setup();
    const result = await get('/health');
    expect([result.statusCode, result.body]).toEqual([200, '{"status":"ok"}']);
  });

  it('ready asks the dependencies once in two seconds, whoever asks and wherever the wall clock is set', async () => {
    let asked = 0;
    const clock = new FakeClock();
    const bounds = async () => {
      asked += 1;
      return new Map();
    };
    const { get } = setup({ log: { bounds }, clock });
    await Promise.all(Array.from({ length: 50 }, () => get('/ready')));
    await clock.advance(readinessAgeMsMax - 1);
    await get('/ready');
    expect(asked).toBe(1);
    await clock.advance(1);
    await get('/ready');
    expect(asked).toBe(2);
    for (const ms of [-3_600_000, 7_200_000]) {
      clock.step(ms);
      await get('/ready');
    }
    expect(asked).toBe(2);
  });

  it('ready names each dependency', async () => {
    const { get } = setup();
    const result = await get('/ready');
    expect(result.statusCode).toBe(200);
    expect(bodyOf(result)).toEqual({
      status: 'ready',
      dependencies: { kafka: 'ok', redis: 'ok', postgres: 'ok' },
    });
  });

  it('one that is down, evicts, or hangs is named with its code, and the answer is 503', async () => {
    const fail = (code: 'log_unavailable' | 'segments_evictable') => async () => {
      throw new OdometerError(code, 'secret host', { retryable: true });
    };
    const hang = () => new Promise<void>(() => {});
    const { get } = setup({
      log: { bounds: fail('log_unavailable') },
      segments: { assertNothingEvicted: fail('segments_evictable') },
      summaries: { summarize: fail('log_unavailable'), ping: hang },
    });
    vi.useFakeTimers();
    const answer = get('/ready');
    await vi.advanceTimersByTimeAsync(readinessTimeoutMs + 1);
    const result = await answer;
    // Those that answered in time have left no timer behind either.
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
    expect(result.statusCode).toBe(503);
    expect(bodyOf(result)).toMatchObject({
      code: 'not_ready',
      dependencies: { kafka: 'log_unavailable', redis: 'segments_evictable', postgres: 'timeout' },
    });
    expect(result.body).not.toContain('secret');
  });
});
