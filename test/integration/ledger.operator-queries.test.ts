import { afterAll, beforeAll, expect, it } from 'vitest';
import { createShardLedger } from '../../shared/ledger/postgres/shard-ledger.ts';
import { routeMapVersion } from '../../shared/log/routing.ts';
import { commitRows, homeOf, partitions, usageRow } from '../harness/builders/ledger.ts';
import { type FreshShards, freshShards } from '../harness/pipeline/isolation.ts';

const { partition, shard } = homeOf('org_1');
let shards: FreshShards;

const asBilling = (sql: string) => shards.query(shard, sql);

beforeAll(async () => {
  shards = await freshShards({ topicId: 'topic-operator', partitions });
  const url = shards.writerUrls[shard] ?? '';
  const ledger = createShardLedger({ url, shard, mapVersion: routeMapVersion });
  const rows = Array.from({ length: 100 }, (_, index) => usageRow({ index, idempotencyKey: `key-${index}` }));
  await commitRows(ledger, partition, { from: 0, to: 1, rows });
  await ledger.close();
});

afterAll(() => shards.drop());

it('the last minute’s events and their delay are one statement for the operator', async () => {
  const [row] = await asBilling(
    `SELECT COUNT(*), AVG(EXTRACT(EPOCH FROM (processed_at - created_at))) FROM usage_events
     WHERE created_at > NOW() - INTERVAL '1 minute'`,
  );
  expect(row?.['count']).toBe('100');
  expect(Number(row?.['avg'])).toBeGreaterThan(0);
  expect(Number(row?.['avg'])).toBeLessThan(30);
});

it('vw_cache_metrics moves by what was committed', async () => {
  expect(await asBilling('SELECT * FROM vw_cache_metrics')).toEqual([
    {
      commits: '1',
      events: '100',
      events_seen: '100',
      write_statements: '4',
      write_reduction: '98.0000',
      records_from_segments: '100.0000',
    },
  ]);
});

it('events and size of a shard, and slow statements, are readable by the operator', async () => {
  const [size] = await asBilling(
    `SELECT shard_id, COUNT(*), pg_size_pretty(pg_database_size(current_database()))
     FROM usage_events GROUP BY shard_id`,
  );
  expect(size).toMatchObject({ shard_id: shard, count: '100' });
  await asBilling('SELECT * FROM pg_stat_statements WHERE mean_exec_time > 100 ORDER BY mean_exec_time DESC');
  const seen = await asBilling(
    `SELECT query FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database
     WHERE datname = current_database()) AND query LIKE '%copy usage_events%'`,
  );
  expect(seen).not.toEqual([]);
});
