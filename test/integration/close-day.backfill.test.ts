/** What is closed of leaves that are for many days. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { closeDay } from '../../functions/operator/close-day.ts';
import { verifyShard } from '../../functions/operator/verify-shard.ts';
import { oneStatement } from '../../localstack/servers/postgres-session.ts';
import { formatDay } from '../../shared/events/calendar.ts';
import type { ShardControl } from '../../shared/ledger/shard-control.ts';
import type { ShardLedger } from '../../shared/ledger/shard-ledger.ts';
import { closedDaysMax, dayMs, eventAgeDaysMax } from '../../shared/limits.ts';
import { commitRows, homeOf, usageRow } from '../harness/builders/ledger.ts';
import { type FreshShards, rowsOf } from '../harness/pipeline/isolation.ts';
import { leafSql, oneShard } from '../harness/pipeline/one-shard.ts';

const { partition, shard } = homeOf('org_1');
/** The youngest day that may be closed, at any hour of today. */
const oldDay = Math.floor(Date.now() / dayMs) - eventAgeDaysMax - 2;
let shards: FreshShards;
let ledger: ShardLedger;
let control: ShardControl;
let drop: () => Promise<void>;
const superuser = (sql: string) => oneStatement(shards.superuserUrls[shard] ?? '', sql);

beforeAll(async () => {
  ({ shards, ledger, control, drop } = await oneShard('topic-backfill', shard));
  const days = Array.from({ length: closedDaysMax + 50 }, (_, i) => oldDay - i);
  await superuser(
    `update partition_progress set complete_through = now(); ${leafSql('usage_events_200001', days)}`,
  );
});
afterAll(() => drop());

it('U12: a closing closes the days that something was counted into, of all that a leaf is for', async () => {
  const rows = [usageRow({ eventTimeMs: (oldDay - 30) * dayMs })];
  // By the name of the leaf, which is not one that days get.
  await superuser(`create or replace function leaf_of(day date, today date) returns text language sql
    set search_path = pg_catalog, public, pg_temp as $$ select 'usage_events_200001' $$`);
  expect(await commitRows(ledger, partition, { from: 0, to: 1, rows })).toMatchObject({ value: true });
  const closing = await closeDay({ day: oldDay, by: 'ops', why: 'old' }, [control]);
  expect(closing).toMatchObject([{ kind: 'closed', leavesDropped: 1 }]);
  const [row] = await rowsOf(
    shards.superuserUrls[shard] ?? '',
    `select days from commit_ledger where partition = ${partition} order by sequence desc limit 1`,
  );
  expect(row?.['days']).toMatchObject([
    { day: formatDay(oldDay - 30), count: 1, digest: null },
    { day: formatDay(oldDay), count: 0, digest: null },
  ]);
  expect(await verifyShard(control)).toMatchObject({ bad: [], totals: [] });
});

it('U12: a month’s leaf that is made after some of its days were closed is for its open days only', async () => {
  const fresh = await oneShard('topic-month', shard);
  const url = fresh.shards.superuserUrls[shard] ?? '';
  await oneStatement(
    url,
    `update shard_identity set closed_before = '2020-01-16'; update partition_progress set closed_before = '2020-01-16'`,
  );
  expect(await fresh.ledger.ensureDays([Date.UTC(2020, 0, 20) / dayMs])).toEqual(new Set());
  const named = `select count(*)::int as days, min(day)::text as first from usage_days where day < '2020-02-01'`;
  expect(await rowsOf(url, named)).toEqual([{ days: 16, first: '2020-01-16' }]);
  await fresh.drop();
});
