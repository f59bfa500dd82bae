import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseRetryAfter, retryDelayMs } from '../../client/back-off.ts';
import { type Client, createClient } from '../../client/client.ts';
import { RequestFailed } from '../../client/request-failed.ts';
import { type EdgeServer, startEdgeServer } from '../harness/servers/edge-server.ts';

let edge: EdgeServer;
let client: Client;
const retries: string[] = [];
const event = { organization_id: 'org_1', metric_name: 'm', quantity: 1 };

beforeEach(async () => {
  retries.length = 0;
  edge = await startEdgeServer();
  client = createClient({
    url: edge.url,
    token: 'secret',
    timeoutMs: 500,
    retry: { attemptsMax: 4, delayMsMin: 1, delayMsMax: 20 },
    onRetry: (reason) => retries.push(reason),
  });
});

afterEach(async () => {
  await client.close();
  await edge.close();
});

/** Fails the first requests in the given ways; keeps what each of them sent. */
function failFirst(...ways: readonly ReturnType<EdgeServer['interfere']>[]): string[] {
  const sent: string[] = [];
  edge.interfere = (_request, body) => {
    sent.push(body);
    return ways[sent.length - 1] ?? null;
  };
  return sent;
}

describe('sendBatch', () => {
  it('gives keys and timestamps once, and sends the same bytes after every failure', async () => {
    const sent = failFirst(
      'destroy',
      { statusCode: 503 },
      { statusCode: 429, headers: { 'retry-after': '0' } },
    );
    const result = await client.sendBatch([event, { ...event, idempotency_key: 'mine' }]);
    expect(result).toMatchObject({
      accepted: 2,
      rejected: [],
      receipts: [{ receipt: expect.any(String), indexes: [0, 1] }],
    });
    expect(sent).toHaveLength(4);
    expect(new Set(sent).size).toBe(1);
    const { events } = JSON.parse(sent[0] ?? '');
    expect(events).toEqual([
      { ...event, idempotency_key: expect.stringMatching(/^[0-9a-f-]{36}$/), timestamp: expect.any(String) },
      { ...event, idempotency_key: 'mine', timestamp: events[0].timestamp },
    ]);
    expect(retries).toHaveLength(3);
  });

  it('a timestamp or key that is given stays', async () => {
    const own = { ...event, idempotency_key: 'k', timestamp: new Date().toISOString() };
    await client.sendBatch([own]);
    expect(JSON.parse(edge.bodies[0] ?? '')).toEqual({ events: [own] });
  });

  it('an answer that comes too late is a failure, and the retry counts once', async () => {
    let first = true;
    edge.interfere = () => null;
    const append = edge.log.append.bind(edge.log);
    edge.log.append = async (records) => {
      const appended = await append(records);
      if (first) {
        first = false;
        await new Promise((resolve) => setTimeout(resolve, 1500));
      }
      return appended;
    };
    await client.sendBatch([event]);
    const today = new Date().toISOString().slice(0, 10);
    const { metrics } = await client.summary('org_1', today, today);
    expect(metrics).toEqual([{ metric_name: 'm', total_quantity: '1', event_count: 1 }]);
    expect(edge.bodies.length).toBeGreaterThan(1);
  });

  it('gives up after the last attempt, and says why', async () => {
    const sent = failFirst(
      ...Array.from({ length: 9 }, () => ({ statusCode: 503, body: '{"detail":"No log."}' })),
    );
    const failure = await client.sendBatch([event]).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(RequestFailed);
    expect(failure).toMatchObject({ statusCode: 503, message: expect.stringContaining('No log.') });
    expect(sent).toHaveLength(4);
  });

  it('does not repeat what the server refuses', async () => {
    const sent = failFirst({ statusCode: 403, body: '{"code":"scope_required","detail":"No."}' });
    await expect(client.sendBatch([event])).rejects.toMatchObject({
      statusCode: 403,
      problem: { code: 'scope_required' },
    });
    expect(sent).toHaveLength(1);
  });

  it('a batch without an acceptable event is a result, not a failure', async () => {
    const result = await client.sendBatch([{ ...event, quantity: 'many' }]);
    expect(result).toMatchObject({
      accepted: 0,
      rejected: [{ index: 0, code: 'not_a_decimal', field: 'quantity' }],
    });
  });

  it('sends its token', async () => {
    let authorization: string | undefined;
    edge.interfere = (request) => {
      authorization = request.headers.authorization;
      return null;
    };
    await client.sendBatch([event]);
    expect(authorization).toBe('Bearer secret');
  });
});

describe('waitUntilComplete', () => {
  const summaryThrough = (through: string | null) => ({
    statusCode: 200,
    body: JSON.stringify({
      freshness: { observed_at: '2026-11-23T10:00:00.000Z', complete_through: through },
    }),
  });

  it('resolves once the committed totals reach the time', async () => {
    const sinceMs = Date.parse('2026-11-23T10:00:00.000Z');
    const sent = failFirst(summaryThrough(null), summaryThrough('2026-11-23T09:59:59.999Z'));
    edge.interfere = (
      (inner) => (request, body) =>
        inner(request, body) ?? summaryThrough('2026-11-23T10:00:00.000Z')
    )(edge.interfere);
    await client.waitUntilComplete('org_1', sinceMs);
    expect(sent).toHaveLength(3);
  });

  it('gives up after its time, and says up to when the totals are complete', async () => {
    edge.interfere = () => summaryThrough(null);
    await expect(client.waitUntilComplete('org_1', 0, { timeoutMs: 300 })).rejects.toThrow(
      'complete through null, observed at 2026-11-23T10:00:00.000Z',
    );
  });
});

describe('back-off', () => {
  const policy = { attemptsMax: 9, delayMsMin: 100, delayMsMax: 1000 };

  it.each([
    [1, null, 0, 50],
    [1, null, 1, 100],
    [2, null, 1, 200],
    [4, null, 0.5, 600],
    [9, null, 1, 1000],
    [1, 700, 0, 700],
    [1, 60_000, 0, 1000],
  ])(
    'after attempt %i, Retry-After %s and chance %f it is %i ms',
    (attempt, retryAfterMs, random, delayMs) => {
      expect(retryDelayMs(policy, { attempt, retryAfterMs, random })).toBe(delayMs);
    },
  );

  it.each([
    [undefined, null],
    ['2', 2000],
    ['Mon, 23 Nov 2026 10:00:05 GMT', 5000],
    ['Mon, 23 Nov 2026 09:00:00 GMT', 0],
    ['soon', null],
  ])('Retry-After %s is %s ms', (header, ms) => {
    expect(parseRetryAfter(header, Date.parse('2026-11-23T10:00:00Z'))).toBe(ms);
  });
});
