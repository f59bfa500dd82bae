/** An organization's events in lists and by key, and what is kept aside. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  keptConflictsSchema,
  keyEventsSchema,
  quarantineEntrySchema,
  quarantineSchema,
  restampedSchema,
} from '../../functions/query/event-schema.ts';
import { inSession } from '../../localstack/servers/postgres-session.ts';
import { formatDay } from '../../shared/events/calendar.ts';
import { loadSql } from '../../shared/ledger/postgres/sql.ts';
import { dayMs } from '../../shared/limits.ts';
import { noonMs } from '../harness/builders/records.ts';
import {
  callerOf,
  commitName,
  type Lookups,
  neighbour,
  openLookups,
  ours,
  ownEvent,
  partition,
  shard,
} from '../harness/pipeline/lookups.ts';

let lookups: Lookups;
beforeAll(async () => {
  lookups = await openLookups();
});
afterAll(async () => {
  await lookups.close();
});

describe("an organization's events", () => {
  const day = Math.floor(noonMs / dayMs) + 40;
  const at = (i: number) => day * dayMs + i * 7 * 60_000;
  const period = { start_date: formatDay(day), end_date: formatDay(day + 5) };

  it('are listed newest first, page by page, each once, with ties and a metric', async () => {
    const own = Array.from({ length: 20 }, (_, i) =>
      ownEvent(`list ${i}`, {
        eventTimeMs: at(Math.floor(i / 2)),
        metric: i % 3 === 0 ? 'storage' : 'api_calls',
      }),
    );
    const other = ownEvent('of the neighbour', { organization: neighbour, eventTimeMs: at(3) });
    await lookups.commit(...own.slice(0, 11), other);
    await lookups.commit(...own.slice(11));
    const pages = async (query: Record<string, string>) => {
      const keys: string[][] = [];
      for (let cursor: string | undefined; ; ) {
        const page = await lookups.listed({
          ...period,
          ...query,
          ...(cursor === undefined ? {} : { cursor }),
        });
        keys.push(page.events.map(({ idempotency_key: key }) => key));
        cursor = page.next_cursor;
        if (cursor === undefined) return keys;
      }
    };
    const newestFirst = own.map(({ idempotencyKey }) => idempotencyKey).reverse();
    expect(await pages({})).toEqual([newestFirst]);
    const small = await pages({ limit: '3' });
    expect(small.flat()).toEqual(newestFirst);
    expect(small.every((page) => page.length <= 3)).toBe(true);
    const storage = own.filter(({ metric }) => metric === 'storage').map((one) => one.idempotencyKey);
    expect((await pages({ metric: 'storage', limit: '2' })).flat()).toEqual(storage.reverse());
    const [newest] = (await lookups.listed({ ...period, limit: '1' })).events;
    expect(newest).toMatchObject({
      quantity: '1',
      stamped: false,
      has_properties: false,
      commit: commitName,
    });
    expect(await lookups.fateOf(newest?.receipt)).toMatchObject({
      status: 'counted',
      commit: newest?.commit,
    });
  });

  it('are found by their key, with the conflicts of that key', async () => {
    await lookups.commit(
      ownEvent('sought'),
      ownEvent('sought', { eventTimeMs: noonMs + dayMs, quantity: '0.1' }),
    );
    await lookups.commit(ownEvent('sought', { quantity: '5' }));
    const query = { organization_id: ours, idempotency_key: 'sought' };
    const found = await lookups.ask(keyEventsSchema, 'GET /api/v1/usage/events', { query });
    expect(found.events.map(({ quantity, timestamp }) => [quantity, timestamp.slice(0, 10)])).toEqual([
      ['0.1', formatDay(Math.floor(noonMs / dayMs) + 1)],
      ['1', formatDay(Math.floor(noonMs / dayMs))],
    ]);
    expect(found.conflicts).toEqual([
      {
        timestamp_day: formatDay(Math.floor(noonMs / dayMs)),
        first_day: formatDay(Math.floor(noonMs / dayMs)),
        found_at: expect.any(String),
      },
    ]);
    const neighbours = { query: { ...query, organization_id: neighbour }, authorizer: callerOf(ours) };
    expect((await lookups.call('GET /api/v1/usage/events', neighbours)).status).toBe(403);
  });

  it('that count on two days that follow each other are listed as suspects', async () => {
    const later = day + 3;
    await lookups.commit(
      ownEvent('restamped', { eventTimeMs: later * dayMs }),
      ownEvent('restamped', { eventTimeMs: later * dayMs - 1000 }),
      ownEvent('apart', { eventTimeMs: later * dayMs }),
      ownEvent('apart', { eventTimeMs: (later - 2) * dayMs }),
    );
    const query = { organization_id: ours, start_date: formatDay(later - 3), end_date: formatDay(later) };
    const found = await lookups.ask(restampedSchema, 'GET /api/v1/usage/restamped', { query });
    expect(
      found.suspects.map(({ event: one, day_before: other }) => [one.idempotency_key, other.timestamp]),
    ).toEqual([['restamped', new Date(later * dayMs - 1000).toISOString()]]);
  });

  it.each([
    [{ organization_id: ours }, 'missing_parameter'],
    [{ organization_id: ours, ...period, cursor: '1.x' }, 'invalid_value'],
    [{ organization_id: ours, ...period, limit: '1001' }, 'invalid_value'],
    [{ organization_id: ours, ...period, color: 'red' }, 'unknown_parameter'],
  ])('are not listed for %j', async (query, code) => {
    const { status, body } = await lookups.call('GET /api/v1/usage/events', { query });
    expect([status, body['code']]).toEqual([400, 'invalid_parameter']);
    expect(body['errors']).toContainEqual(expect.objectContaining({ code }));
  });
});

describe('what is kept aside', () => {
  it('is listed for administrators, newest first and page by page', async () => {
    await lookups.commit(
      ownEvent('kept'),
      ownEvent('kept', { quantity: '3' }),
      ownEvent('aside', { quantity: 'x' }),
    );
    const route = 'GET /api/v1/conflicts';
    const all = await lookups.ask(keptConflictsSchema, route, { query: { limit: '1000' } });
    expect(all.unavailable).toEqual([]);
    expect(all.conflicts[0]).toMatchObject({ organization_id: ours, partition });
    const first = await lookups.ask(keptConflictsSchema, route, { query: { limit: '1' } });
    const cursor = first.next_cursor ?? '';
    const second = await lookups.ask(keptConflictsSchema, route, { query: { limit: '1', cursor } });
    expect([...first.conflicts, ...second.conflicts]).toEqual(all.conflicts.slice(0, 2));
  });

  it('an entry of the quarantine holds the bytes and the body that sends its event again', async () => {
    const { entries } = await lookups.ask(quarantineSchema, 'GET /api/v1/quarantine', {
      query: { limit: '1' },
    });
    const [entry] = entries;
    expect(entry).toMatchObject({ code: 'quantity_invalid', partition, index: 2 });
    const route = 'GET /api/v1/quarantine/{entry}';
    const parts = { pathParameters: { entry: entry?.entry ?? '' } };
    const one = await lookups.ask(quarantineEntrySchema, route, parts);
    expect(one.replay).toEqual({
      ...{ organization_id: ours, metric_name: 'api_calls', quantity: 'x', idempotency_key: 'aside' },
      timestamp: new Date(noonMs).toISOString(),
    });
    expect(JSON.parse(Buffer.from(one.bytes, 'base64').toString())).toMatchObject({ quantity: 'x' });
    for (const name of ['1-1-1', '0-1-999999-0', '99999-1-0-0'])
      expect((await lookups.call(route, { pathParameters: { entry: name } })).status).toBe(404);
  });
});

/** The plan of one of the lookups' statements, for the reader, under row-level security. */
function planOf(setting: string, name: string, values: readonly unknown[]): Promise<string> {
  return inSession(lookups.pipeline.shards.readerUrls[shard] ?? '', async (client) => {
    await client.query(`select set_config('odometer.${setting}', 'on', false)`);
    const { rows } = await client.query<{ 'QUERY PLAN': string }>(`explain ${loadSql(name)}`, [...values]);
    return rows.map((row) => row['QUERY PLAN']).join('\n');
  });
}

it('rows of a commit and of a quarter hour are found by an index, also under row-level security', async () => {
  const day = formatDay(Math.floor(noonMs / dayMs));
  await lookups.commit(ownEvent('first of its day'));
  // As many as are not read whole: a hundred commits of a day, of many organizations.
  await lookups.asSuperuser(`insert into usage_events (key_hash, fingerprint, "offset", index, event_time, created_at,
      processed_at, event_day, shard_id, partition, undated, quantity, organization_id, metric_name, idempotency_key)
    select md5(i::text)::uuid, md5('')::uuid, i, 0, at, at, at, '${day}', ${shard}, ${partition}, false, 1,
      'org_' || i % 1000, 'api_calls', i::text
    from generate_series(1, 50000) i
    cross join lateral (select '${day}'::date + i / 500 * interval '14 minutes' as at) times`);
  await lookups.asSuperuser('vacuum analyze usage_events');
  const index =
    /Bitmap Index Scan on usage_events_\d+_processed_at_event_time_organization__idx.*\n.*Index Cond: (.*)/;
  const places = [
    [1, 2],
    [0, 0],
    [noonMs, noonMs],
  ];
  const commit = [partition, [noonMs], [day], ...places];
  const ofCommit = await planOf('across_organizations', 'find-counted-places', commit);
  expect(ofCommit).toMatch(index);
  expect(index.exec(ofCommit)?.[1]).toContain('processed_at');
  const quarter = [ours, [noonMs / 1000], [day], null, null, 0, 0, 10];
  const ofQuarter = await planOf('organization', 'list-events', quarter);
  expect(ofQuarter).toMatch(index);
  expect(index.exec(ofQuarter)?.[1]).toContain('event_time');
  expect(index.exec(ofQuarter)?.[1]).toContain('organization_id');
  const key = ['0'.repeat(32), null, null, 10];
  expect(await planOf('organization', 'find-key', key)).toMatch(
    /using usage_events_\d+_key_hash_event_day_idx/,
  );
});
