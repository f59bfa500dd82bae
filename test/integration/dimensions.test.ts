import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyShard } from '../../functions/operator/verify-shard.ts';
import { inSession, oneStatement } from '../../localstack/servers/postgres-session.ts';
import { otherDimensions } from '../../shared/events/dimensions.ts';
import type { SealedEvent } from '../../shared/events/usage-event.ts';
import type { ShardControl } from '../../shared/ledger/shard-control.ts';
import type { ShardLedger } from '../../shared/ledger/shard-ledger.ts';
import { dayMs, dimensionSetsMax, quarterHourMs } from '../../shared/limits.ts';
import { partitionOf } from '../../shared/log/routing.ts';
import type { CopyRow } from '../../shared/log/row-tuple.ts';
import { commitRows, homeOf, usageRow } from '../harness/builders/ledger.ts';
import { envelope, noonMs, sealedEvent } from '../harness/builders/records.ts';
import { type FreshShards, rowsOf } from '../harness/pipeline/isolation.ts';
import { oneShard } from '../harness/pipeline/one-shard.ts';
import { openPipeline } from '../harness/pipeline/pipeline.ts';

const { partition, shard } = homeOf('org_1');
let shards: FreshShards;
let ledger: ShardLedger;
let control: ShardControl;
let drop: () => Promise<void>;
let next = 0;

beforeAll(async () => {
  ({ shards, ledger, control, drop } = await oneShard('topic-dimensions', shard));
});
afterAll(() => drop());

const region = (name: string | number) => `{"region":"${name}"}`;
const tamper = (sql: string) => oneStatement(shards.superuserUrls[shard] ?? '', sql);

/** Commits events of one record. */
async function count(events: readonly Partial<CopyRow>[]): Promise<void> {
  const offset = next++;
  const rows = events.map((event, index) =>
    usageRow({ idempotencyKey: `${offset}/${index}`, ...event, offset, index }),
  );
  const outcome = await commitRows(ledger, partition, { from: offset, to: offset + 1, rows });
  expect(outcome).toEqual({ kind: 'committed', value: true });
}

function totalsOf(metric: string) {
  return rowsOf(
    shards.operatorUrls[shard] ?? '',
    `select coalesce(s.dimensions, case r.dimension_set when dimension_set_of('') then '' else 'other' end) as set,
       r.total::text, r.event_count::int as count, r.minimum::text, r.maximum::text, r.latest::text
     from usage_rollups r
     left join usage_dimension_sets s on s.partition = r.partition and s.organization_id = r.organization_id
       and s.metric_name = r.metric_name and s.event_day = (r.quarter at time zone 'UTC')::date
       and s.dimension_set = r.dimension_set
     where r.metric_name = '${metric}' order by r.quarter, 1`,
  );
}

async function expectProof(): Promise<void> {
  expect(await verifyShard(control)).toMatchObject({ bad: [], totals: [] });
}

describe('totals by dimension set', () => {
  it('U4: each set has its own sum, count, smallest, largest and latest quantity, over several commits', async () => {
    const metric = 'sets';
    await count([
      { metric, quantity: '5', eventTimeMs: noonMs + 1 },
      { metric, quantity: '-2.5', dimensions: region('eu'), eventTimeMs: noonMs + 2 },
      { metric, quantity: '10', dimensions: region('eu'), eventTimeMs: noonMs + 2 },
      { metric, quantity: '9', dimensions: region('us'), eventTimeMs: noonMs + 2 },
    ]);
    await count([
      { metric, quantity: '7', eventTimeMs: noonMs },
      { metric, quantity: '3', dimensions: region('eu'), eventTimeMs: noonMs + 2 },
      { metric, quantity: '1', dimensions: region('us'), eventTimeMs: noonMs },
    ]);
    expect(await totalsOf(metric)).toEqual([
      { set: '', total: '12', count: 2, minimum: '5', maximum: '7', latest: '5' },
      { set: region('eu'), total: '10.5', count: 3, minimum: '-2.5', maximum: '10', latest: '3' },
      { set: region('us'), total: '10', count: 2, minimum: '1', maximum: '9', latest: '9' },
    ]);
    await expectProof();
  });

  it('U9: a day keeps the first thousand sets in log order apart, and its totals stay exact', async () => {
    const metric = 'many';
    const sets = Array.from({ length: dimensionSetsMax - 1 }, (_, i) => region(i));
    await count(sets.map((dimensions) => ({ metric, dimensions })));
    // One is free: the set whose first event comes first in the log, not the first by name or quarter hour.
    await count([
      { metric, dimensions: region('z'), quantity: '2', eventTimeMs: noonMs + quarterHourMs },
      { metric, dimensions: region('a'), quantity: '30', eventTimeMs: noonMs },
      { metric, dimensions: region('z'), quantity: '2', eventTimeMs: noonMs },
      { metric, dimensions: region('b'), quantity: '40', eventTimeMs: noonMs },
      { metric, dimensions: region(7), quantity: '100', eventTimeMs: noonMs },
      { metric, quantity: '1000', eventTimeMs: noonMs },
      // Another metric and another day have room of their own.
      { metric: 'few', dimensions: region('a'), quantity: '5' },
    ]);
    await count([{ metric, dimensions: region('a'), quantity: '5', eventTimeMs: noonMs + dayMs }]);
    await count([{ metric, dimensions: region('a'), quantity: '0.5', eventTimeMs: noonMs }]);
    const totals = await totalsOf(metric);
    const of = (set: string) => totals.filter((row) => row['set'] === set).map((row) => row['total']);
    expect(of('other')).toEqual(['70.5']);
    expect(totals.find((row) => row['set'] === 'other')).toMatchObject({
      minimum: '0.5',
      maximum: '40',
      latest: '0.5',
    });
    expect([of(region('z')), of(region('a')), of(region('b')), of(region(7)), of('')]).toEqual([
      ...[['2', '2'], ['5'], [], ['101'], ['1000']],
    ]);
    expect((await totalsOf('few')).map((row) => row['set'])).toEqual([region('a')]);
    const [sum] = await shards.query(
      shard,
      `select sum(total)::text as total, sum(event_count)::int as count from usage_rollups where metric_name = '${metric}'`,
    );
    expect(sum).toEqual({ total: '2178.5', count: 1007 });
    await expectProof();
  });

  it('U2: a transaction that is rolled back gives its sets back', async () => {
    const rows = [
      usageRow({ metric: 'undone', dimensions: region('eu'), offset: next, idempotencyKey: 'undone' }),
    ];
    await ledger.transaction(partition, async (transaction) => {
      const move = {
        from: next,
        to: next + 1,
        generation: 1,
        recordHash: Buffer.alloc(32),
        checkedRanges: 0,
        closedBefore: null,
      };
      const moved = await transaction.moveProgress(move);
      const set = {
        organization: 'org_1',
        metric: 'undone',
        day: rows[0]?.day ?? 0,
        dimensions: region('eu'),
      };
      expect(await moved?.keepSets([set])).toEqual([set]);
      return { commit: false, value: null };
    });
    expect(
      await rowsOf(
        shards.operatorUrls[shard] ?? '',
        `select from usage_dimension_sets where metric_name = 'undone'`,
      ),
    ).toEqual([]);
  });
});

describe('from the log to the totals', () => {
  it('U5: records of both versions are counted side by side, and the recount decides the same sets', async () => {
    const pipeline = await openPipeline();
    const organization = 'umbrella';
    const home = partitionOf(organization, pipeline.topic.partitions);
    const event = (key: string, fields: Partial<SealedEvent>) =>
      sealedEvent({ organization, idempotencyKey: key, ...fields });
    const sets = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, i) => event(`set-${from + i}`, { dimensions: region(from + i) }));
    const bodies = [
      { version: 1 as const, events: [event('plain', {})] },
      { version: 2 as const, events: sets(0, 600) },
      { version: 2 as const, events: [...sets(600, 1100), ...sets(1050, 1060)] },
      // The same key with other dimensions: a conflict, and its set takes no place.
      {
        version: 2 as const,
        events: [event('set-3', { dimensions: region('other') }), event('last', { undated: true })],
      },
    ];
    const values = bodies.map(({ version, events }, sequence) =>
      envelope(events, { version, partition: home, sequence, createdAtMs: noonMs + 1 }),
    );
    const from = await pipeline.append(home, values);
    await pipeline.deliver(home, from);
    await pipeline.flush();
    const { differences, log } = await pipeline.recount();
    expect(differences).toEqual([]);
    expect(log).toMatchObject({
      events: 1113,
      counted: 1102,
      duplicates: 11,
      conflicts: 1,
      fingerprintsOff: 0,
    });
    const totals = await rowsOf(
      pipeline.shards.operatorUrls[home % 4] ?? '',
      `select count(*)::int as sets, sum(event_count)::int as events,
         sum(event_count) filter (where dimension_set = dimension_set_of('other'))::int as others
       from usage_rollups where organization_id = '${organization}'`,
    );
    expect(totals).toEqual([{ sets: 1002, events: 1102, others: 100 }]);
    await pipeline.close();
  });
});

describe('U12: verify finds what was changed', () => {
  const metric = 'proved';
  const when = `where metric_name = '${metric}'`;
  beforeAll(async () => {
    await count([
      { metric, quantity: '1', dimensions: region('eu'), eventTimeMs: noonMs + 1 },
      { metric, quantity: '2', dimensions: region('eu'), eventTimeMs: noonMs + 2 },
      { metric, quantity: '4', dimensions: region('us') },
    ]);
  });

  const eu = `${when} and dimension_set = dimension_set_of('${region('eu')}')`;
  it.each([
    [
      'a smallest quantity',
      `update usage_rollups set minimum = 0 ${eu}`,
      `update usage_rollups set minimum = 1 ${eu}`,
    ],
    [
      'a largest quantity',
      `update usage_rollups set maximum = 3 ${eu}`,
      `update usage_rollups set maximum = 2 ${eu}`,
    ],
    [
      'a latest quantity',
      `update usage_rollups set latest = 1 ${eu}`,
      `update usage_rollups set latest = 2 ${eu}`,
    ],
    [
      'the time of the latest one',
      `update usage_rollups set latest_at = latest_at - interval '1 ms' ${eu}`,
      `update usage_rollups set latest_at = latest_at + interval '1 ms' ${eu}`,
    ],
    [
      'a total moved to another set',
      `update usage_rollups set dimension_set = dimension_set_of('${otherDimensions}') ${eu}`,
      `update usage_rollups set dimension_set = dimension_set_of('${region('eu')}')
         ${when} and dimension_set = dimension_set_of('${otherDimensions}')`,
    ],
  ])('U12: %s', async (_what, change, undo) => {
    await tamper(change);
    const { totals } = await verifyShard(control);
    expect(totals).toContainEqual(expect.objectContaining({ metric, dimensions: region('eu') }));
    await tamper(undo);
    await expectProof();
  });

  it("U12: a row's dimensions name the commit, and the sums that it added", async () => {
    const dimensions = (name: string) =>
      `update usage_events set dimensions = '${region(name)}' ${when} and quantity = 4`;
    await tamper(dimensions('eu'));
    const { bad, totals } = await verifyShard(control);
    expect(bad).toMatchObject([{ partition, sequence: next }]);
    expect(totals.map((total) => total.dimensions).sort()).toEqual([region('eu'), region('us')]);
    await tamper(dimensions('us'));
    await expectProof();
  });
});

describe('rights', () => {
  it('U10: an organization sees its own sets only', async () => {
    const seen = (organization: string) =>
      inSession(shards.readerUrls[shard] ?? '', async (client) => {
        await client.query('begin');
        await client.query(`select set_config('odometer.organization', $1, true)`, [organization]);
        return (await client.query('select from usage_dimension_sets')).rows.length;
      });
    expect(await seen('org_1')).toBeGreaterThan(dimensionSetsMax);
    expect(await seen('org_2')).toBe(0);
    expect(await seen('')).toBe(0);
  });

  it.each([
    ['writer', `insert into usage_dimension_sets select * from usage_dimension_sets`],
    ['writer', 'delete from usage_dimension_sets'],
    ['writer', 'update usage_dimension_sets set number = 1'],
    ['reader', `select keep_dimension_sets(${partition}, '{}', '{}', '{}', '{}')`],
    ['operator', `select keep_dimension_sets(${partition}, '{}', '{}', '{}', '{}')`],
  ] as const)('U11: the %s may not: %s', async (login, sql) => {
    const urls = { writer: shards.writerUrls, reader: shards.readerUrls, operator: shards.operatorUrls };
    await expect(oneStatement(urls[login][shard] ?? '', sql)).rejects.toThrow(/permission denied/);
  });

  it('code of before this schema still adds to totals, whose smallest quantity is then not known', async () => {
    const quarter = noonMs / quarterHourMs;
    const before = `select add_rollups(${partition}, '{org_1}', '{before}', '{${quarter}}', '{5}', '{1}')`;
    await oneStatement(shards.writerUrls[shard] ?? '', before);
    await oneStatement(shards.writerUrls[shard] ?? '', before);
    const unknown = { set: '', total: '10', count: 2, minimum: null, maximum: null, latest: null };
    expect(await totalsOf('before')).toEqual([unknown]);
    await tamper(`delete from usage_rollups where metric_name = 'before'`);
  });
});
