/** Closings that meet each other, or a migration: the bound of the closed days only rises. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { closeDay } from '../../functions/operator/close-day.ts';
import { verifyShard } from '../../functions/operator/verify-shard.ts';
import { inSession } from '../../localstack/servers/postgres-session.ts';
import { formatDay } from '../../shared/events/calendar.ts';
import { createShardControl } from '../../shared/ledger/postgres/shard-control.ts';
import type { ShardControl } from '../../shared/ledger/shard-control.ts';
import { dayMs, eventAgeDaysMax } from '../../shared/limits.ts';
import { routeMapVersion } from '../../shared/log/routing.ts';
import { homeOf, partitions } from '../harness/builders/ledger.ts';
import { type FreshShards, freshShards, rowsOf } from '../harness/pipeline/isolation.ts';

const { shard } = homeOf('org_1');
/** The youngest day that may be closed, at any hour of today. */
const oldDay = Math.floor(Date.now() / dayMs) - eventAgeDaysMax - 2;
let shards: FreshShards;
let controls: readonly [ShardControl, ShardControl];

const read = (sql: string) => rowsOf(shards.superuserUrls[shard] ?? '', sql);
/** Both tables hold the bound; the answer is one row where they agree. */
const bounds = () =>
  read(
    `select closed_before::text from shard_identity union select closed_before::text from partition_progress`,
  );
const waiting = (others: number) =>
  expect
    .poll(() => read(`select count(distinct pid)::int as waiting from pg_locks where not granted`))
    .toEqual([{ waiting: others }]);

beforeAll(async () => {
  shards = await freshShards({ topicId: 'topic-races', partitions });
  const [ownerUrl, operatorUrl] = [shards.ownerUrls[shard] ?? '', shards.operatorUrls[shard] ?? ''];
  const control = () => createShardControl({ ownerUrl, operatorUrl, shard, mapVersion: routeMapVersion });
  controls = [control(), control()];
  await read('update partition_progress set complete_through = now()');
});
afterAll(async () => {
  await Promise.all(controls.map((control) => control.close()));
  await shards.drop();
});

it('U2: of two closings at once the earlier day does not open what the later one closed', async () => {
  const superuser = shards.superuserUrls[shard] ?? '';
  const [one, other] = controls;
  const outcomes = await inSession(superuser, (totals) =>
    inSession(superuser, async (progress) => {
      // Both compare, on what they planned before either was written; then both are to lock the partitions.
      await totals.query('begin; lock table usage_rollups in access exclusive mode');
      const later = closeDay({ day: oldDay - 2, by: 'a', why: 'old' }, [one]);
      await waiting(1);
      const earlier = closeDay({ day: oldDay - 5, by: 'b', why: 'old' }, [other]);
      await waiting(2);
      await progress.query('begin; select from partition_progress for update');
      await totals.query('commit');
      await waiting(2);
      await progress.query('commit');
      return [...(await later), ...(await earlier)];
    }),
  );
  // Whichever was first, the other one finds that its plan is old.
  expect(outcomes.map(({ kind }) => kind).toSorted()).toEqual(['changed', 'closed']);
  const closed = outcomes[0]?.kind === 'closed' ? oldDay - 2 : oldDay - 5;
  expect(await bounds()).toEqual([{ closed_before: formatDay(closed + 1) }]);
  expect((await closeDay({ day: oldDay - 2, by: 'a', why: 'old' }, [one]))[0]?.kind).toMatch(/^closed/);
  expect(await bounds()).toEqual([{ closed_before: formatDay(oldDay - 1) }]);
  expect(await verifyShard(one)).toMatchObject({ bad: [], totals: [] });
});

it.each([
  ['shard_identity', `closed_before - 1`],
  ['shard_identity', 'null'],
  ['partition_progress', `closed_before - 1`],
  ['partition_progress', 'null'],
])('U2: nobody lowers the bound of %s to %s', async (table, bound) => {
  const change = read(`update ${table} set closed_before = ${bound}`);
  await expect(change).rejects.toThrow(/days before .* are closed/);
  expect(await bounds()).toEqual([{ closed_before: formatDay(oldDay - 1) }]);
});
