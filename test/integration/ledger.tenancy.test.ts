import { Pool, type PoolClient } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createShardLedger } from '../../shared/ledger/postgres/shard-ledger.ts';
import { createSummaryReader } from '../../shared/ledger/postgres/summary-reader.ts';
import { asTenant } from '../../shared/ledger/postgres/tenant.ts';
import { routeMapVersion } from '../../shared/log/routing.ts';
import { commitRows, homeOf, noonDay, partitions, usageRow } from '../harness/builders/ledger.ts';
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
  for (const table of ['usage_events', 'usage_rollups', 'usage_conflicts']) {
    expect(await rowsOf(url, `select * from ${table}`)).toEqual([]);
  }
  expect(await asTenant(reading, '', countEvents)).toBe(0);
});

it('U10: a reader reaches neither leaves nor what belongs to no tenant’s report', async () => {
  for (const table of [leaf, 'quarantine', 'commit_ledger', 'audit_log']) {
    await refused(shards.readerUrls, `select * from ${table}`);
  }
  await refused(shards.readerUrls, 'select record_hash from partition_progress');
  await refused(shards.readerUrls, `insert into usage_rollups values (0, 'x', 'y', now(), 1, 1)`);
});

it('U10: the owner of the tables is under the policies too', async () => {
  expect(await rowsOf(shards.ownerUrls[shard] ?? '', 'select * from usage_events')).toEqual([]);
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
  expect(unknown.freshness).toMatchObject({ completeThroughMs: null, inFlightRecords: null });
  await reader.close();
});
