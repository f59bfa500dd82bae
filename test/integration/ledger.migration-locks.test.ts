import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { migrateShard } from '../../migrations/migrate.ts';
import { createShardLedger } from '../../shared/ledger/postgres/shard-ledger.ts';
import { lockTimeoutMs } from '../../shared/limits.ts';
import { partitionsOf, routeMapVersion } from '../../shared/log/routing.ts';
import { commitRows, homeOf, partitions, usageRow } from '../harness/builders/ledger.ts';
import { type FreshShards, freshShards } from '../harness/pipeline/isolation.ts';

const { partition, shard } = homeOf('org_1');
const topicId = 'topic-migration-locks';
let shards: FreshShards;
let folder: string;

beforeAll(async () => {
  shards = await freshShards({ topicId, partitions });
  folder = await mkdtemp(join(tmpdir(), 'odometer-migrations-'));
  await cp(new URL('../../migrations/', import.meta.url), folder, { recursive: true });
  await writeFile(join(folder, '900_note.sql'), 'alter table usage_events add column note text;');
});

afterAll(async () => {
  await rm(folder, { recursive: true });
  await shards.drop();
});

/** The operator counts all events, in a transaction that stays open. */
async function longRead(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: shards.operatorUrls[shard] ?? '' });
  await client.connect();
  await client.query('begin');
  await client.query('select count(*) from usage_events');
  return client;
}

function migrate(): Promise<{ readonly applied: string[] }> {
  const home = {
    ownerUrl: shards.ownerUrls[shard] ?? '',
    ...{ shard, topicId, mapVersion: routeMapVersion, generation: 1 },
    partitions: partitionsOf({ shard, partitions }),
  };
  return migrateShard(home, pathToFileURL(`${folder}/`));
}

it('an open long read delays the migration, and commits and other reads go on', async () => {
  const reader = await longRead();
  const url = shards.writerUrls[shard] ?? '';
  const ledger = createShardLedger({ url, shard, mapVersion: routeMapVersion });
  const migrating = { done: false };
  const migrated = migrate().finally(() => {
    migrating.done = true;
  });
  migrated.catch(() => undefined);
  try {
    let slowestMs = 0;
    let offset = 0;
    const endMs = performance.now() + 3 * lockTimeoutMs;
    while (performance.now() < endMs) {
      const row = usageRow({ offset, idempotencyKey: `during-${offset}` });
      const startedMs = performance.now();
      const range = { from: offset, to: offset + 1, rows: [row] };
      expect((await commitRows(ledger, partition, range)).kind).toBe('committed');
      // What a range that is looked up for duplicates asks, and a summary: the parent, which the migration wants.
      await shards.query(shard, 'select count(*) from usage_events where key_hash is null');
      slowestMs = Math.max(slowestMs, performance.now() - startedMs);
      offset += 1;
      await pause(50);
    }
    expect(migrating.done).toBe(false);
    expect(offset).toBeGreaterThan(30);
    expect(slowestMs).toBeLessThan(lockTimeoutMs);
  } finally {
    await reader.query('rollback');
    await reader.end();
    await ledger.close();
  }
  expect((await migrated).applied).toEqual(['900_note.sql']);
}, 60_000);
