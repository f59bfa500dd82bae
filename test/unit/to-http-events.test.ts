/** The routes about single events: what they take, and how they refuse. */
import { describe, expect, it } from 'vitest';
import { keptConflictsSchema, quarantineEntrySchema } from '../../functions/query/event-schema.ts';
import { keyParameters, listParameters } from '../../functions/query/from-http-listed-events.ts';
import { receiptsBodySchema } from '../../functions/query/from-http-receipts.ts';
import { build } from '../../functions/query/handler.ts';
import type { EventPorts } from '../../functions/query/to-http-events.ts';
import { OdometerError } from '../../shared/errors.ts';
import type { EventsQuery, KeptAside, KeptConflict } from '../../shared/ledger/event-lookup.ts';
import { receiptsMax } from '../../shared/limits.ts';
import { CopyRows } from '../../shared/log/row-tuple.ts';
import { administrator, httpEvent, lambdaContext } from '../harness/builders/handlers.ts';
import { usageRow } from '../harness/builders/ledger.ts';
import { FakeClock } from '../harness/fakes/clock.ts';
import { noEvents } from '../harness/fakes/event-ports.ts';
import { FakeLogger } from '../harness/fakes/logger.ts';

type Parts = Omit<Parameters<typeof httpEvent>[0], 'routeKey'>;

async function call(routeKey: string, parts: Parts, ports: Partial<EventPorts> = {}) {
  const handle = build({
    summaries: { summarize: () => Promise.reject(new Error('not asked')), ping: async () => {} },
    events: { ...noEvents, ...ports },
    log: { bounds: async () => new Map() },
    segments: { assertNothingEvicted: async () => {} },
    clock: new FakeClock(),
    logger: new FakeLogger(),
  });
  const { statusCode, body = '' } = await handle(httpEvent({ routeKey, ...parts }), lambdaContext());
  // What is in it is compared.
  return { status: statusCode, body: JSON.parse(body) as Record<string, unknown> };
}

const post = 'POST /api/v1/receipts';
const events = 'GET /api/v1/usage/events';
const period = { organization_id: 'org_1', start_date: '2026-11-01', end_date: '2026-11-30' };

describe('what is taken', () => {
  it('is what the schemas say', () => {
    expect(receiptsBodySchema.safeParse({ receipts: ['a', 'b'] }).success).toBe(true);
    expect(receiptsBodySchema.safeParse({ receipts: [] }).success).toBe(false);
    expect(listParameters.parse(period)).toMatchObject({ limit: 100 });
    expect(keyParameters.safeParse({ organization_id: 'org_1', idempotency_key: 'k' }).success).toBe(true);
  });

  it.each<[string, Parts, number, string]>([
    ['no JSON', { body: '{' }, 400, 'invalid_json'],
    ['no body', {}, 400, 'empty_body'],
    ['another type', { body: 'x', headers: { 'content-type': 'text/csv' } }, 415, 'unsupported_media_type'],
    ['no list', { body: '{"receipts":"x"}' }, 400, 'invalid_body'],
    ['another member', { body: '{"receipts":["x"],"more":1}' }, 400, 'invalid_body'],
    [
      'too many',
      { body: JSON.stringify({ receipts: Array(receiptsMax + 1).fill('x') }) },
      400,
      'invalid_body',
    ],
  ])('receipts with %s are refused', async (_name, parts, status, code) => {
    expect(await call(post, parts)).toMatchObject({ status, body: { code } });
  });

  it.each<[string, Record<string, string>]>([
    ['end_date', { ...period, end_date: '2026-10-01' }],
    ['end_date', { ...period, end_date: '2028-01-01' }],
    ['start_date', { ...period, start_date: '2026-02-30' }],
    ['organization_id', { ...period, organization_id: 'a b' }],
    ['metric', { ...period, metric: 'a b' }],
    ['limit', { ...period, limit: '0' }],
    ['idempotency_key', { organization_id: 'org_1', idempotency_key: 'x'.repeat(513) }],
    ['limit', { organization_id: 'org_1', idempotency_key: 'x', limit: '1' }],
  ])('events with a wrong %s are refused', async (field, query) => {
    const { status, body } = await call(events, { query });
    expect(status).toBe(400);
    expect(body['errors']).toEqual([expect.objectContaining({ field })]);
  });
});

describe('a cursor', () => {
  const next = { eventTimeMs: 7, offset: 8, index: 9 };
  const asked: EventsQuery[] = [];
  const lookup = {
    ...noEvents.lookup,
    list: async (query: EventsQuery) => {
      asked.push(query);
      return { events: [], next };
    },
  };

  it('U10: goes on where the page ended, says no offset, and is for its organization only', async () => {
    const { body } = await call(events, { query: period }, { lookup });
    const cursor = String(body['next_cursor']);
    expect(cursor).toMatch(/^7\.[\w-]{76}$/);
    await call(events, { query: { ...period, cursor } }, { lookup });
    expect(asked.at(-1)?.before).toEqual(next);
    const other = { ...period, organization_id: 'org_2', cursor };
    expect((await call(events, { query: other }, { lookup })).status).toBe(400);
    const changed = `${cursor.slice(0, -1)}${cursor.endsWith('A') ? 'B' : 'A'}`;
    expect((await call(events, { query: { ...period, cursor: changed } }, { lookup })).status).toBe(400);
  });
});

describe('what the shards keep aside', () => {
  const conflict = (shard: number, atUs: string): KeptConflict => {
    const place = { partition: shard, generation: 1, offset: 1, index: 0, organization: 'org_1' };
    return { ...place, keyHash: 'a'.repeat(32), day: 1, firstDay: 1, atUs };
  };
  const shardOf = (shard: number, list: KeptAside['conflicts']): KeptAside => {
    return { shard, conflicts: list, quarantined: async () => [], quarantinedAt: async () => null };
  };
  const down = () => Promise.reject(new OdometerError('shard_unavailable', 'down', { retryable: true }));

  it('U9: is one list, newest first; a shard that is down is named and holds up nobody', async () => {
    const keptAside = [
      shardOf(0, async () => [conflict(0, '3000'), conflict(0, '1000')]),
      shardOf(1, down),
      shardOf(2, async () => [conflict(2, '10000'), conflict(2, '3000')]),
    ];
    const { body } = await call('GET /api/v1/conflicts', { query: { limit: '3' } }, { keptAside });
    const answer = keptConflictsSchema.parse(body);
    expect(answer.conflicts.map(({ partition }) => partition)).toEqual([2, 2, 0]);
    expect(answer.unavailable).toEqual(['shard1']);
    expect(answer.next_cursor).toBeDefined();
    const again = { query: { cursor: answer.next_cursor ?? '' } };
    const befores: unknown[] = [];
    const recording = [
      shardOf(0, async (before) => {
        befores.push(before);
        return [];
      }),
    ];
    await call('GET /api/v1/conflicts', again, { keptAside: recording });
    expect(befores).toEqual([{ atUs: '3000', partition: 0, generation: 1, offset: 1, index: 0 }]);
  });

  it.each(['GET /api/v1/conflicts', 'GET /api/v1/quarantine', 'GET /api/v1/quarantine/{entry}'])(
    '%s is for administrators',
    async (routeKey) => {
      const authorizer = { ...administrator, scopes: 'read ingest' };
      const parts = { authorizer, pathParameters: { entry: '1-1-1-1' } };
      expect(await call(routeKey, parts)).toMatchObject({ status: 403, body: { code: 'scope_required' } });
    },
  );
});

it.each(['GET /api/v1/conflicts', 'GET /api/v1/quarantine', 'GET /api/v1/quarantine/{entry}'])(
  'U10: %s is of all organizations, so an administrator of some is refused',
  async (routeKey) => {
    const authorizer = { ...administrator, organizations: 'org_1' };
    const parts = { authorizer, pathParameters: { entry: '1-1-1' } };
    expect(await call(routeKey, parts)).toMatchObject({
      status: 403,
      body: { code: 'organization_not_allowed' },
    });
  },
);

it.each([
  ['', undefined],
  ['{"model":"a","region":"eu"}', { model: 'a', region: 'eu' }],
  ['{"Model":"a"}', undefined],
])('an event that is sent again from quarantine keeps its dimensions: %s', async (dimensions, sent) => {
  const rows = new CopyRows();
  rows.append(usageRow({ dimensions }));
  const record = { partition: 1, generation: 1, offset: 1, index: 1, code: 'day_closed', size: 1, atUs: '0' };
  const kept: KeptAside = {
    shard: 1,
    conflicts: async () => [],
    quarantined: async () => [],
    quarantinedAt: async () => ({ ...record, bytes: rows.toBuffer() }),
  };
  const parts = { authorizer: administrator, pathParameters: { entry: '1-1-1-1' } };
  const { body } = await call('GET /api/v1/quarantine/{entry}', parts, {
    keptAside: [kept, kept, kept, kept],
  });
  expect(quarantineEntrySchema.parse(body).replay?.dimensions).toEqual(sent);
});
