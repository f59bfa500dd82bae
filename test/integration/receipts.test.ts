/** Nothing vanishes: each receipt has its fate, and nobody learns a neighbour's. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fatesSchema, quarantineEntrySchema, quarantineSchema } from '../../functions/query/event-schema.ts';
import { formatDay } from '../../shared/events/calendar.ts';
import type { SealedEvent } from '../../shared/events/usage-event.ts';
import { createShardControl } from '../../shared/ledger/postgres/shard-control.ts';
import type { Decision } from '../../shared/ledger/shard-control.ts';
import { dayMs } from '../../shared/limits.ts';
import { routeMapVersion } from '../../shared/log/routing.ts';
import { noonMs } from '../harness/builders/records.ts';
import {
  callerOf,
  commitName,
  type Lookups,
  neighbour,
  oneReceipt,
  openLookups,
  ours,
  ownEvent,
  partition,
  receipts,
  shard,
} from '../harness/pipeline/lookups.ts';

const sealedText = Buffer.alloc(40, 3).toString('base64');
const somewhere = { partition, offset: 0, createdAtMs: noonMs, organization: ours, firstIndex: 0, count: 1 };

let lookups: Lookups;
beforeAll(async () => {
  lookups = await openLookups();
});
afterAll(async () => {
  await lookups.close();
});

/** The partition is halted, and an operator decides this about it. */
async function decide(action: Decision['action']): Promise<void> {
  const { shards } = lookups.pipeline;
  const ledger = lookups.pipeline.ledgerOf(partition);
  const place = (await ledger.progress()).find((one) => one.partition === partition);
  if (place === undefined) throw new Error('the partition has no progress');
  await ledger.halt(place, { code: 'test', reason: 'of the test' });
  const control = createShardControl({
    ...{ shard, mapVersion: routeMapVersion, ownerUrl: shards.ownerUrls[shard] ?? '' },
    operatorUrl: shards.operatorUrls[shard] ?? '',
  });
  expect(await control.decide({ partition, by: 'me', why: 'a test', action })).toBe('resumed');
  await control.close();
}

describe('the fate of a receipt', () => {
  it('in flight, then counted: when, and in which commit of the ledger', async () => {
    const [receipt] = await lookups.accept(ownEvent('counted'));
    expect(await lookups.fateOf(receipt)).toMatchObject({
      status: 'in_flight',
      organization_id: ours,
      accepted_at: new Date(lookups.createdAtMs).toISOString(),
    });
    await lookups.pipeline.flush();
    const fate = await lookups.fateOf(receipt);
    expect(fate).toMatchObject({ status: 'counted', organization_id: ours, commit: commitName });
    const rows = await lookups.pipeline.query(
      partition,
      `select encode(hash, 'hex') as hash, committed_at from commit_ledger where partition = ${partition}`,
    );
    expect(rows).toEqual([{ hash: fate.commit, committed_at: new Date(fate.counted_at ?? '') }]);
  });

  it('a duplicate names what counts, of an earlier commit or of its own', async () => {
    const [first] = await lookups.commit(ownEvent('twice'));
    const [later] = await lookups.commit(ownEvent('twice'));
    const [winner, loser] = await lookups.commit(ownEvent('both'), ownEvent('both'));
    for (const [receipt, counted] of [
      [later, first],
      [loser, winner],
    ]) {
      const fate = await lookups.fateOf(receipt);
      expect(fate).toMatchObject({
        status: 'duplicate',
        commit: commitName,
        committed_at: expect.any(String),
      });
      const named = await lookups.fateOf(fate.duplicate_of?.receipt);
      expect(named).toEqual({ ...(await lookups.fateOf(counted)), receipt: fate.duplicate_of?.receipt });
      expect(named.status).toBe('counted');
    }
  });

  it('an undated duplicate names the event that made it one, not one that was counted later', async () => {
    const late = noonMs + 3 * dayMs;
    await lookups.commit(ownEvent('midnight', { undated: true, eventTimeMs: late }));
    const [retry] = await lookups.commit(ownEvent('midnight', { undated: true, eventTimeMs: late + dayMs }));
    await lookups.commit(ownEvent('midnight', { eventTimeMs: late + dayMs, quantity: '7' }));
    const fate = await lookups.fateOf(retry);
    expect(fate.status).toBe('duplicate');
    expect(fate.duplicate_of).toMatchObject({ timestamp: new Date(late).toISOString(), stamped: true });
  });

  it.each<[string, Partial<SealedEvent>, Partial<SealedEvent>, object]>([
    ['quantity', {}, { quantity: '2' }, { different_fields: ['quantity'], undetermined_fields: [] }],
    ['metric', {}, { metric: 'storage' }, { different_fields: ['metric_name'], undetermined_fields: [] }],
    ['time', {}, { eventTimeMs: noonMs + 1 }, { different_fields: ['timestamp'], undetermined_fields: [] }],
    [
      'properties of one side',
      {},
      { sealed: sealedText, fingerprint: 'b'.repeat(32) },
      { different_fields: ['properties'], undetermined_fields: [] },
    ],
    [
      'properties of both sides',
      { sealed: sealedText, fingerprint: 'a'.repeat(32) },
      { sealed: sealedText, fingerprint: 'b'.repeat(32) },
      { different_fields: ['properties'], undetermined_fields: [] },
    ],
    [
      'quantity, and perhaps properties',
      { sealed: sealedText, fingerprint: 'a'.repeat(32) },
      { sealed: sealedText, fingerprint: 'b'.repeat(32), quantity: '2' },
      { different_fields: ['quantity'], undetermined_fields: ['properties'] },
    ],
  ])('a conflict names what differs: %s', async (name, first, second, fields) => {
    await lookups.commit(ownEvent(`conflict ${name}`, first));
    const [receipt] = await lookups.commit(ownEvent(`conflict ${name}`, second));
    const fate = await lookups.fateOf(receipt);
    expect(fate).toMatchObject({ status: 'conflict', ...fields });
    expect(fate.duplicate_of).toMatchObject({ idempotency_key: `conflict ${name}`, quantity: '1' });
  });

  it('quarantined, with the code, as an event or with its whole record', async () => {
    const [good, bad] = await lookups.commit(ownEvent('good'), ownEvent('bad', { metric: 'a b' }));
    expect(await lookups.fateOf(good)).toMatchObject({ status: 'counted' });
    expect(await lookups.fateOf(bad)).toMatchObject({
      status: 'quarantined',
      quarantine_code: 'metric_invalid',
      organization_id: ours,
    });
    const [damaged] = await lookups.accept(ownEvent('damaged'));
    const place = receipts.openReceipt(damaged ?? '');
    await lookups.pipeline.append(partition, [Buffer.from('not ours')]);
    await lookups.pipeline.flush();
    const foreign = { partition, offset: (place?.offset ?? 0) + 1, createdAtMs: lookups.createdAtMs };
    const receipt = `${receipts.seal({ ...foreign, organization: ours, firstIndex: 0, count: 1 })}.0`;
    expect(await lookups.fateOf(receipt, callerOf(ours))).toMatchObject({
      status: 'quarantined',
      quarantine_code: 'foreign_magic',
      organization_id: ours,
    });
  });

  it('lost, where another record is at the place, committed or not', async () => {
    const [, sealed = ''] = /^(.*)\.0$/.exec((await lookups.accept(ownEvent('in its place')))[0] ?? '') ?? [];
    const place = receipts.openReceipt(`${sealed}.0`);
    if (place === null) throw new Error('no place');
    const other = {
      ...place,
      createdAtMs: place.createdAtMs - 1,
      organization: ours,
      firstIndex: 0,
      count: 1,
    };
    const receipt = `${receipts.seal(other)}.0`;
    expect(await lookups.fateOf(receipt)).toMatchObject({ status: 'lost' });
    await lookups.pipeline.flush();
    expect(await lookups.fateOf(receipt)).toMatchObject({ status: 'lost' });
    expect(await lookups.fateOf(`${sealed}.0`)).toMatchObject({ status: 'counted' });
  });

  it('skipped, where an operator gave its record up', async () => {
    const [receipt] = await lookups.accept(ownEvent('given up'));
    const end = (await lookups.pipeline.log.bounds()).get(partition)?.end ?? 0;
    await decide({ kind: 'skip', offset: end });
    expect(await lookups.fateOf(receipt)).toMatchObject({ status: 'skipped', commit: commitName });
  });

  it('a text that was not given out is unknown', async () => {
    for (const receipt of ['x', `${receipts.seal(somewhere)}.7`, '']) {
      const { status, body } = await lookups.call(oneReceipt, { pathParameters: { receipt } });
      expect([status, body['code']]).toEqual([404, 'receipt_unknown']);
    }
  });

  it('while the log does not answer, what only it knows is 503, and the shard still answers', async () => {
    const [counted] = await lookups.commit(ownEvent('known'));
    const [duplicate] = await lookups.commit(ownEvent('known'));
    lookups.logFails = true;
    try {
      expect(await lookups.fateOf(counted)).toMatchObject({ status: 'counted' });
      const parts = { pathParameters: { receipt: duplicate ?? '' } };
      expect((await lookups.call(oneReceipt, parts)).status).toBe(503);
    } finally {
      lookups.logFails = false;
    }
  });
});

describe('many receipts', () => {
  it('are answered in the order asked, and each record is read once', async () => {
    const first = await lookups.commit(...Array.from({ length: 30 }, (_, i) => ownEvent(`many ${i}`)));
    const again = await lookups.commit(...Array.from({ length: 30 }, (_, i) => ownEvent(`many ${i}`)));
    const flying = await lookups.accept(...Array.from({ length: 30 }, (_, i) => ownEvent(`fly ${i}`)));
    lookups.reads = [];
    const asked = [...flying, 'nonsense', ...again, ...first];
    const body = JSON.stringify({ receipts: asked });
    const { receipts: found } = await lookups.ask(fatesSchema, 'POST /api/v1/receipts', { body });
    expect(found.map(({ receipt }) => receipt)).toEqual(asked);
    const counts = Object.groupBy(found, ({ status }) => status);
    expect(Object.entries(counts).map(([status, all]) => [status, all?.length])).toEqual([
      ['in_flight', 30],
      ['unknown', 1],
      ['duplicate', 30],
      ['counted', 30],
    ]);
    expect(lookups.reads).toHaveLength(1);
    await lookups.pipeline.flush();
  });

  it('1,001 are refused', async () => {
    const body = JSON.stringify({ receipts: Array.from({ length: 1001 }, () => 'x') });
    expect(await lookups.call('POST /api/v1/receipts', { body })).toMatchObject({
      status: 400,
      body: { code: 'invalid_body' },
    });
  });
});

describe("U10: a neighbour's receipt", () => {
  it('is unknown, whatever became of its event, and whether or not it says whose it is', async () => {
    const alone = [
      ...(await lookups.commit(ownEvent('n1'))),
      ...(await lookups.commit(ownEvent('n1'))),
      ...(await lookups.commit(ownEvent('n1', { quantity: '9' }))),
      ...(await lookups.commit(ownEvent('n2', { metric: 'a b' }))),
    ];
    const mixed = [
      ...(await lookups.commit(ownEvent('n3'), ownEvent('t3', { organization: neighbour }))),
      ...(await lookups.commit(ownEvent('n3'), ownEvent('t3', { organization: neighbour }))),
      ...(await lookups.commit(
        ownEvent('n3', { quantity: '9' }),
        ownEvent('t4', { organization: neighbour }),
      )),
      ...(await lookups.commit(
        ownEvent('n4', { metric: 'a b' }),
        ownEvent('t5', { organization: neighbour }),
      )),
    ];
    const flying = await lookups.accept(ownEvent('n5'), ownEvent('t6', { organization: neighbour }));
    const asked = [...alone, ...mixed, ...flying];
    const statusesFor = async (organization: string) => {
      const body = JSON.stringify({ receipts: asked });
      const parts = { body, authorizer: callerOf(organization) };
      const { receipts: found } = await lookups.ask(fatesSchema, 'POST /api/v1/receipts', parts);
      return found.map(({ status }) => status);
    };
    const own = ['counted', 'duplicate', 'conflict', 'quarantined'];
    const none = 'unknown';
    expect(await statusesFor(ours)).toEqual([
      ...own,
      ...own.flatMap((status) => [status, none]),
      ...['in_flight', none],
    ]);
    expect(await statusesFor(neighbour)).toEqual([
      ...own.map(() => none),
      ...[none, 'counted', none, 'duplicate', none, 'counted', none, 'counted'],
      ...[none, 'in_flight'],
    ]);
    for (const receipt of alone) {
      const parts = { pathParameters: { receipt }, authorizer: callerOf(neighbour) };
      expect((await lookups.call(oneReceipt, parts)).status).toBe(404);
    }
    await lookups.pipeline.flush();
  });

  it('needs the scope read', async () => {
    const authorizer = callerOf(ours, 'ingest');
    for (const [routeKey, parts] of [
      [oneReceipt, { pathParameters: { receipt: 'x' } }],
      ['POST /api/v1/receipts', { body: '{"receipts":["x"]}' }],
      ['GET /api/v1/usage/events', { query: { organization_id: ours, idempotency_key: 'k' } }],
      ['GET /api/v1/conflicts', {}],
      ['GET /api/v1/quarantine', {}],
      ['GET /api/v1/quarantine/{entry}', { pathParameters: { entry: '1-1-1-1' } }],
    ] as const) {
      const { status, body } = await lookups.call(routeKey, { ...parts, authorizer });
      expect([routeKey, status, body['code']]).toEqual([routeKey, 403, 'scope_required']);
    }
  });
});

it('where an operator starts the offsets again, a receipt names the same event and its own commit', async () => {
  const [counted, bad] = await lookups.commit(ownEvent('restart'), ownEvent('restart', { metric: 'a b' }));
  const [duplicate] = await lookups.commit(ownEvent('restart'));
  const [conflict] = await lookups.commit(ownEvent('restart', { quantity: '2' }));
  const fates = () => Promise.all([counted, bad, duplicate, conflict].map((one) => lookups.fateOf(one)));
  const before = await fates();
  expect(before.map(({ status }) => status)).toEqual(['counted', 'quarantined', 'duplicate', 'conflict']);
  const { offset = 0 } = receipts.openReceipt(counted ?? '') ?? {};
  await decide({ kind: 'restart', offset, topicId: lookups.pipeline.topic.topicId });
  await lookups.pipeline.flush();
  const [row] = await lookups.pipeline.query(
    partition,
    `select generation, next_offset::int as next from partition_progress where partition = ${partition}`,
  );
  expect(row).toEqual({ generation: 2, next: offset + 3 });
  expect(await fates()).toEqual(before);
  const [later] = await lookups.commit(ownEvent('after the restart'));
  expect(await lookups.fateOf(later)).toMatchObject({ status: 'counted', commit: commitName });
});

describe('what the log no longer holds', () => {
  it('counted stays counted, a conflict has no fields, a duplicate is not counted here', async () => {
    const [counted] = await lookups.commit(ownEvent('dropped'));
    const [duplicate] = await lookups.commit(ownEvent('dropped'));
    const [conflict] = await lookups.commit(ownEvent('dropped', { quantity: '4' }));
    const [later] = await lookups.commit(ownEvent('kept by the log'));
    await lookups.dropBelow(receipts.openReceipt(later ?? '')?.offset ?? 0);
    expect(await lookups.fateOf(counted)).toMatchObject({ status: 'counted' });
    const fate = await lookups.fateOf(conflict);
    expect(fate).toMatchObject({ status: 'conflict', duplicate_of: { idempotency_key: 'dropped' } });
    expect(fate.different_fields).toBeUndefined();
    expect(await lookups.fateOf(duplicate, callerOf(ours))).toMatchObject({
      status: 'not_counted',
      organization_id: ours,
      commit: commitName,
    });
    const parts = { pathParameters: { receipt: duplicate ?? '' }, authorizer: callerOf(neighbour) };
    expect((await lookups.call(oneReceipt, parts)).status).toBe(404);
  });

  it('of a closed day only totals are known; what comes for it later is in quarantine', async () => {
    const old = Math.floor(noonMs / dayMs) - 10;
    const [receipt] = await lookups.commit(ownEvent('closed', { eventTimeMs: old * dayMs }));
    expect(await lookups.fateOf(receipt)).toMatchObject({ status: 'counted' });
    const [row] = await lookups.pipeline.query(
      partition,
      `select tableoid::regclass::text as leaf from usage_events where event_day = '${formatDay(old)}'`,
    );
    const until = formatDay(old + 1);
    await lookups.asSuperuser(`update shard_identity set closed_before = '${until}';
      update partition_progress set closed_before = '${until}';
      alter table usage_events detach partition ${String(row?.['leaf'])}; drop table ${String(row?.['leaf'])}`);
    expect(await lookups.fateOf(receipt)).toMatchObject({ status: 'closed' });
    const [late] = await lookups.commit(ownEvent('late', { eventTimeMs: old * dayMs, sealed: sealedText }));
    expect(await lookups.fateOf(late, callerOf(ours))).toMatchObject({
      status: 'quarantined',
      quarantine_code: 'day_closed',
    });
    const { entries } = await lookups.ask(quarantineSchema, 'GET /api/v1/quarantine', {
      query: { limit: '1' },
    });
    const parts = { pathParameters: { entry: entries[0]?.entry ?? '' } };
    const one = await lookups.ask(quarantineEntrySchema, 'GET /api/v1/quarantine/{entry}', parts);
    expect([one.replay?.idempotency_key, one.has_properties]).toEqual(['late', true]);
    const period = { start_date: formatDay(old), end_date: formatDay(old) };
    expect((await lookups.listed(period)).events).toEqual([]);
  });
});
