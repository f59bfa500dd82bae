import { createHash } from 'node:crypto';
import { Pool, type PoolClient } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createShardLedger } from '../../shared/ledger/postgres/shard-ledger.ts';
import { createSummaryReader } from '../../shared/ledger/postgres/summary-reader.ts';
import { acrossTenants, asTenant } from '../../shared/ledger/postgres/tenant.ts';
import { routeMapVersion } from '../../shared/log/routing.ts';
import { commitRows, homeOf, noonDay, partitions, usageRow } from '../harness/builders/ledger.ts';
import { noonMs } from '../harness/builders/records.ts';
import { type FreshShards, freshShards, rowsOf } from '../harness/pipeline/isolation.ts';

const ours = 'org_1';
const { partition, shard } = homeOf(ours);
/** Another organization of the same partition. */
const theirs = Array.from({ length: 200 }, (_, i) => `org_${i + 2}`).find(
  (organization) => homeOf(organization).partition === partition,
);
let shards: FreshShards;
/** One connection, so that every user of it meets what the one before left behind. */
let pool: Pool;
const reading = { connect: () => pool.connect(), dropIdle: () => undefined };

/** Where the rows of the day are. */
let leaf: string;
const countEvents = async (client: Pick<PoolClient, 'query'>): Promise<unknown> =>
  (await client.query('select count(*)::int as n from usage_events')).rows[0]?.n;

beforeAll(async () => {
  shards = await freshShards({ topicId: 'topic-tenancy', partitions });
  const url = shards.writerUrls[shard] ?? '';
  const ledger = createShardLedger({ url, shard, mapVersion: routeMapVersion });
  const rows = [ours, ours, theirs ?? ''].map((organization, index) =>
    usageRow({ organization, partition, shard, index, idempotencyKey: `key-${index}`, quantity: '2.50' }),
  );
  await commitRows(ledger, partition, { from: 0, to: 1, rows });
  await ledger.close();
  const [row] = await shards.query(
    shard,
    'select distinct tableoid::regclass::text as leaf from usage_events',
  );
  leaf = String(row?.['leaf']);
  pool = new Pool({ connectionString: shards.readerUrls[shard] ?? '', max: 1 });
});

afterAll(async () => {
  await pool.end();
  await shards.drop();
});

interface Added {
  readonly partition: number;
  readonly metrics: string;
  readonly totals: string;
  readonly counts: string;
}

/** A call of the writer's function: one sum of an organization of its own, unless a test says otherwise. */
function addRollups(change: Partial<Added>): string {
  const {
    partition: home,
    metrics,
    totals,
    counts,
  } = {
    ...{ partition, metrics: '{m}', totals: '{-1.5}', counts: '{2}' },
    ...change,
  };
  return `select add_rollups(${home}, '{added}', '${metrics}', '{1}', '${totals}', '${counts}')`;
}

const refused = (url: readonly string[], sql: string) =>
  expect(rowsOf(url[shard] ?? '', sql)).rejects.toThrow(/permission denied/);

it('U10: a reader sees the rows of the organization that is set, in events and totals', async () => {
  expect(await asTenant(reading, ours, countEvents)).toBe(2);
  expect(await asTenant(reading, theirs ?? '', countEvents)).toBe(1);
  const totals = await asTenant(reading, ours, async (client) => {
    const { rows } = await client.query('select organization_id, total::text from usage_rollups');
    return rows;
  });
  expect(totals).toEqual([{ organization_id: ours, total: '5' }]);
});

it('U10: a connection of the pool does not carry the organization to its next user', async () => {
  await asTenant(reading, ours, countEvents);
  expect(await countEvents(pool)).toBe(0);
  await expect(asTenant(reading, ours, () => Promise.reject(new Error('read fails')))).rejects.toThrow(
    'read fails',
  );
  expect(await countEvents(pool)).toBe(0);
});

it('U10: without an organization, or with an empty one, a reader sees nothing', async () => {
  const url = shards.readerUrls[shard] ?? '';
  for (const table of ['usage_events', 'usage_rollups', 'usage_conflicts', 'quarantine']) {
    expect(await rowsOf(url, `select * from ${table}`)).toEqual([]);
  }
  expect(await asTenant(reading, '', countEvents)).toBe(0);
});

it('U10: rows of all organizations are seen in the one transaction that asks for them, and totals not even there', async () => {
  expect(await acrossTenants(reading, countEvents)).toBe(3);
  const totals = async (client: Pick<PoolClient, 'query'>): Promise<unknown> =>
    (await client.query('select * from usage_rollups')).rows;
  expect(await acrossTenants(reading, totals)).toEqual([]);
  expect(await asTenant(reading, ours, countEvents)).toBe(2);
  expect((await pool.query('select * from usage_events')).rows).toEqual([]);
});

it('U10: a reader reaches neither leaves nor what belongs to no tenant’s report', async () => {
  for (const table of [leaf, 'commit_ledger', 'audit_log']) {
    await refused(shards.readerUrls, `select * from ${table}`);
  }
  await refused(shards.readerUrls, 'select record_hash from partition_progress');
  await refused(shards.readerUrls, `insert into usage_rollups values (0, 'x', 'y', now(), 1, 1)`);
});

it('U10: the owner of the tables is under the policies too', async () => {
  for (const table of ['usage_events', 'usage_rollups']) {
    expect(await rowsOf(shards.ownerUrls[shard] ?? '', `select * from ${table}`)).toEqual([]);
  }
});

it('U11: the writer can neither delete nor change what is counted', async () => {
  for (const table of ['usage_events', leaf, 'usage_rollups', 'commit_ledger', 'quarantine']) {
    await refused(shards.writerUrls, `delete from ${table}`);
    await refused(shards.writerUrls, `truncate ${table}`);
  }
  await refused(shards.writerUrls, `update ${leaf} set quantity = 0`);
  await refused(shards.writerUrls, 'update commit_ledger set inserted = 0');
  await refused(shards.writerUrls, 'insert into partition_progress values (9, 1, 0, 0)');
  await refused(shards.writerUrls, 'update partition_progress set first_offset = 0');
  await refused(shards.writerUrls, 'create table mine ()');
});

it('U11: the writer has no right on totals but to add to them', async () => {
  await refused(shards.writerUrls, 'update usage_rollups set total = total + 1000000');
  await refused(shards.writerUrls, `insert into usage_rollups values (${partition}, 'x', 'y', now(), 1, 1)`);
  await refused(shards.writerUrls, 'select * from usage_rollups');
  await refused(shards.readerUrls, addRollups({}));
  await rowsOf(shards.writerUrls[shard] ?? '', addRollups({}));
  const added = `select organization_id, metric_name, extract(epoch from quarter)::int as quarter, total::text,
    event_count::int from usage_rollups where organization_id = 'added'`;
  const once = { organization_id: 'added', metric_name: 'm', quarter: 900, total: '-1.5', event_count: 2 };
  expect(await shards.query(shard, added)).toEqual([once]);
  await rowsOf(shards.writerUrls[shard] ?? '', addRollups({}));
  expect(await shards.query(shard, added)).toEqual([{ ...once, total: '-3.0', event_count: 4 }]);
});

it.each<[string, Partial<Added>, RegExp]>([
  ['a count of nothing', { counts: '{0}' }, /a count can only grow/],
  ['a count that lowers', { counts: '{-1}' }, /a count can only grow/],
  ['no count', { counts: '{null}' }, /a count can only grow/],
  ['no total', { totals: '{null}' }, /null value in column "total"/],
  ['a total that is no number', { totals: '{NaN}' }, /violates check constraint/],
  ['arrays of different lengths', { metrics: '{m,n}' }, /null value in column/],
  ['a partition of another shard', { partition: partition + 1 }, /this shard has no partition/],
])('U11: %s is not added to totals', async (_what, change, refusal) => {
  const before = await shards.query(
    shard,
    'select count(*), sum(total), sum(event_count) from usage_rollups',
  );
  await expect(rowsOf(shards.writerUrls[shard] ?? '', addRollups(change))).rejects.toThrow(refusal);
  const after = await shards.query(shard, 'select count(*), sum(total), sum(event_count) from usage_rollups');
  expect(after).toEqual(before);
});

it('U12: the digest of a day has its sums and no others, for the operator and not for services', async () => {
  const digest = (day: string, of = partition) => `select count, sums from digest_of_sums(${of}, '${day}')`;
  const [total] = await shards.query(shard, digest('2026-11-20'));
  const quarter = noonMs / 900_000;
  const set = '0'.repeat(32);
  const events = `2.5\n2.5\n2.5\n${noonMs}\n`;
  const lines = [
    `${ours}\napi_calls\n${quarter}\n${set}\n5\n2\n${events}`,
    `${theirs}\napi_calls\n${quarter}\n${set}\n2.5\n1\n${events}`,
  ];
  expect(total).toEqual({ count: '3', sums: createHash('sha256').update(lines.join('')).digest('hex') });
  const nothing = { count: '0', sums: createHash('sha256').digest('hex') };
  expect(await shards.query(shard, digest('2026-11-21'))).toEqual([nothing]);
  expect(await shards.query(shard, digest('2026-11-20', partition + 4))).toEqual([nothing]);
  expect(await rowsOf(shards.ownerUrls[shard] ?? '', digest('2026-11-20'))).toEqual([total]);
  await refused(shards.writerUrls, digest('2026-11-20'));
  await refused(shards.readerUrls, digest('2026-11-20'));
});

it('nothing is granted to everybody', async () => {
  const found = await rowsOf(
    shards.superuserUrls[shard] ?? '',
    `select relname::text as name from pg_class c, aclexplode(c.relacl) a
     where a.grantee = 0 and relnamespace = 'public'::regnamespace and relname not like 'pg_stat_statements%'
     union all
     select proname::text from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
     where a.grantee = 0 and pronamespace = 'public'::regnamespace and proname not like 'pg_stat_statements%'
     union all
     select 'schema' from pg_namespace n, aclexplode(n.nspacl) a where a.grantee = 0 and nspname = 'public'
     union all
     select 'database' from pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
     where a.grantee = 0 and datname = current_database()`,
  );
  expect(found).toEqual([]);
});

it('U13: a summary writes canonical decimals, and an unknown organization has no metrics', async () => {
  const reader = createSummaryReader({ urls: shards.readerUrls, partitions });
  await reader.ping();
  const request = { organization: ours, startDay: noonDay, endDay: noonDay };
  const { metrics } = await reader.summarize(request);
  expect(metrics).toEqual([{ metric: 'api_calls', totalQuantity: '5', eventCount: 2 }]);
  const outside = await reader.summarize({ ...request, startDay: noonDay + 1, endDay: noonDay + 1 });
  const unknown = await reader.summarize({ ...request, organization: 'nobody' });
  expect([outside.metrics, unknown.metrics]).toEqual([[], []]);
  expect(unknown.freshness).toEqual({
    ...{ observedAtMs: null, completeThroughMs: null },
    ...{ inFlight: null, complete: false },
  });
  await reader.close();
});
