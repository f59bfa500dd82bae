import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { inSession, oneStatement } from '../../localstack/servers/postgres-session.ts';
import { dumpSchema } from '../../migrations/dump-schema.ts';
import { migrateShard } from '../../migrations/migrate.ts';
import { createShardLedger } from '../../shared/ledger/postgres/shard-ledger.ts';
import { createSummaryReader } from '../../shared/ledger/postgres/summary-reader.ts';
import { routeMapVersion } from '../../shared/log/routing.ts';
import { processEnvironment } from '../../shared/runtime/process/environment.ts';
import { haltNow, partitions } from '../harness/builders/ledger.ts';
import { type FreshShards, freshShards, rowsOf } from '../harness/pipeline/isolation.ts';

const schemaFile = new URL('../../migrations/schema.sql', import.meta.url);
let shards: FreshShards;

beforeAll(async () => {
  shards = await freshShards({ topicId: 'topic-migrations', partitions });
});

afterAll(() => shards.drop());

const again = (change: Partial<Parameters<typeof migrateShard>[0]> = {}) =>
  migrateShard({
    ownerUrl: shards.ownerUrls[0] ?? '',
    shard: 0,
    topicId: 'topic-migrations',
    mapVersion: routeMapVersion,
    partitions: [0, 4],
    generation: 1,
    ...change,
  });

it('the owner migrates without being a superuser, and no login has BYPASSRLS', async () => {
  const rows = await rowsOf(
    shards.ownerUrls[0] ?? '',
    `select rolname, rolsuper, rolbypassrls from pg_roles
     where rolname in ('odometer_owner', 'odometer_writer', 'odometer_reader', 'billing')`,
  );
  expect(rows).toHaveLength(4);
  for (const row of rows) expect(row).toMatchObject({ rolsuper: false, rolbypassrls: false });
});

it('migrating again changes nothing, by several at once', async () => {
  const url = shards.ownerUrls[0] ?? '';
  const state = () => rowsOf(url, 'select * from partition_progress, shard_identity order by partition');
  const before = await state();
  expect(before).toHaveLength(2);
  const results = await Promise.all([again(), again(), again()]);
  expect(results.map(({ applied }) => applied)).toEqual([[], [], []]);
  expect(await state()).toEqual(before);
});

it('U9: another shard, topic or map is refused by migrations', async () => {
  for (const change of [{ shard: 1 }, { topicId: 'another' }, { mapVersion: 2 }]) {
    await expect(again(change)).rejects.toMatchObject({ code: 'wrong_shard', retryable: false });
  }
});

it('U9: a swapped address is refused on connect, by writers and readers', async () => {
  const url = shards.writerUrls[1] ?? '';
  const ledger = createShardLedger({ url, shard: 0, mapVersion: routeMapVersion });
  await expect(ledger.progress()).rejects.toMatchObject({ code: 'wrong_shard' });
  const work = ledger.transaction(0, () => Promise.resolve({ commit: true, value: 1 }));
  await expect(work).rejects.toMatchObject({ code: 'wrong_shard' });
  await ledger.close();
  const reader = createSummaryReader({ urls: [...shards.readerUrls].reverse(), partitions });
  const read = reader.summarize({ organization: 'org_1', startDay: 0, endDay: 0 });
  await expect(read).rejects.toMatchObject({ code: 'wrong_shard' });
  await reader.close();
});

it('U9: a ledger names its topic, and refuses once when a later connection finds another', async () => {
  const ledger = createShardLedger({
    url: shards.writerUrls[2] ?? '',
    shard: 2,
    mapVersion: routeMapVersion,
  });
  expect(await ledger.topicId()).toBe('topic-migrations');
  await oneStatement(shards.ownerUrls[2] ?? '', `update shard_identity set topic_id = 'declared'`);
  await expect(ledger.nextOffset(2)).rejects.toMatchObject({ code: 'wrong_shard' });
  expect(await ledger.topicId()).toBe('declared');
  await ledger.close();
});

it('a newer schema is refused, and so is a file that was changed after it was applied', async () => {
  const url = shards.ownerUrls[0] ?? '';
  await oneStatement(url, `insert into schema_migrations values (900, '900_newer.sql', 'x')`);
  await expect(again()).rejects.toThrow(/newer than this code/);
  await oneStatement(url, 'delete from schema_migrations where version = 900');
  const [row] = await rowsOf(url, 'select checksum from schema_migrations where version = 2');
  await oneStatement(url, `update schema_migrations set checksum = 'x' where version = 2`);
  await expect(again()).rejects.toThrow(/002_rollups_and_ledger.sql was changed/);
  await inSession(url, (client) =>
    client.query('update schema_migrations set checksum = $1 where version = 2', [row?.['checksum']]),
  );
  expect(await again()).toEqual({ applied: [] });
});

it('halts and identity changes are on record', async () => {
  const ledger = createShardLedger({
    url: shards.writerUrls[3] ?? '',
    shard: 3,
    mapVersion: routeMapVersion,
  });
  await haltNow(ledger, 3, { code: 'log_truncated', reason: 'the log ends below next_offset' });
  await ledger.close();
  const rows = await shards.query(3, 'select login, subject, action from audit_log order by id');
  expect(rows[0]).toEqual({ login: 'odometer_owner', subject: 'shard_identity', action: 'insert' });
  expect(rows.at(-1)).toEqual({ login: 'odometer_writer', subject: 'partition_progress', action: 'update' });
});

it('schema.sql is what the migrations make', async () => {
  const dumped = await dumpSchema(shards.ownerUrls[0] ?? '');
  if (processEnvironment()['ODOMETER_UPDATE_SCHEMA'] === '1') await writeFile(schemaFile, dumped);
  expect(await readFile(schemaFile, 'utf8')).toBe(dumped);
});

/** A managed server's owner may pass on the narrow role, only the wide one that holds it, or none of both. */
it.each([
  ['pg_read_all_stats', true],
  ['pg_monitor', true],
  ['pg_signal_backend', false],
])(
  'an owner that may pass on %s migrates; the operator then sees statistics of others: %s',
  async (role, sees) => {
    const text = await readFile(
      new URL('../../migrations/003_row_level_security.sql', import.meta.url),
      'utf8',
    );
    const [grants = ''] = /^do \$\$[\s\S]*?^\$\$;/m.exec(text) ?? [];
    const found = await inSession(shards.superuserUrls[0] ?? '', async (client) => {
      await client.query('begin');
      for (const one of ['pg_read_all_stats', 'pg_monitor', 'pg_signal_backend'])
        await client.query(`revoke ${one} from odometer_owner, billing cascade`);
      await client.query(`grant ${role} to odometer_owner with admin option`);
      await client.query('set local role odometer_owner');
      await client.query(grants);
      const { rows } = await client.query(
        "select pg_has_role('billing', 'pg_read_all_stats', 'usage') as sees",
      );
      await client.query('rollback');
      return rows;
    });
    expect(found).toEqual([{ sees }]);
  },
);
