/** Closings that meet each other or a migration, and a commit that meets a decision: nobody acts on what it saw before it waited. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { closeDay } from '../../functions/operator/close-day.ts';
import { verifyShard } from '../../functions/operator/verify-shard.ts';
import { inSession } from '../../localstack/servers/postgres-session.ts';
import { migrateShard } from '../../migrations/migrate.ts';
import { formatDay } from '../../shared/events/calendar.ts';
import { createShardControl } from '../../shared/ledger/postgres/shard-control.ts';
import { createShardLedger } from '../../shared/ledger/postgres/shard-ledger.ts';
import type { ShardControl } from '../../shared/ledger/shard-control.ts';
import { dayMs, eventAgeDaysMax } from '../../shared/limits.ts';
import { routeMapVersion } from '../../shared/log/routing.ts';
import { commitRows, homeOf, partitions, usageRow } from '../harness/builders/ledger.ts';
import { type FreshShards, freshShards, rowsOf } from '../harness/pipeline/isolation.ts';

const { partition, shard } = homeOf('org_1');
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

it('U3: a partition that comes to the shard just before a closing gets the bound that this closing writes', async () => {
  const superuser = shards.superuserUrls[shard] ?? '';
  const home = { shard, topicId: 'topic-races', mapVersion: routeMapVersion, generation: 1 };
  const ownerUrl = shards.ownerUrls[shard] ?? '';
  const bound = formatDay(oldDay);
  await inSession(superuser, (ledgerLock) =>
    inSession(superuser, async (closing) => {
      // The migration has read the bound, and waits to write the ledger row that names it.
      await ledgerLock.query('begin; lock table commit_ledger in share mode');
      const migrating = migrateShard({ ...home, ownerUrl, partitions: [partition + 400] });
      await waiting(1);
      let closed = false;
      const closes = closing
        .query(`begin; select from shard_identity for update; update shard_identity set closed_before = '${bound}';
          update partition_progress set closed_before = '${bound}'; commit`)
        .then(() => {
          closed = true;
        });
      await expect
        .poll(async () => closed || (await read('select from pg_locks where not granted')).length > 1)
        .toBe(true);
      await ledgerLock.query('commit');
      await Promise.all([migrating, closes]);
    }),
  );
  expect(await bounds()).toEqual([{ closed_before: bound }]);
});

it('U3: a commit that has waited while its ledger went on is tried again, and halts nothing', async () => {
  const settings = { url: shards.writerUrls[shard] ?? '', shard, mapVersion: routeMapVersion };
  const ledger = createShardLedger(settings);
  const eventTimeMs = Date.now();
  let [next, key] = [0, 0];
  const count = async () => {
    const rows = [usageRow({ offset: next, idempotencyKey: `key-${key++}`, eventTimeMs, quantity: '1' })];
    const { value } = await commitRows(ledger, partition, {
      from: next,
      to: next + 1,
      rows,
      closedBefore: oldDay,
    });
    if (value) next += 1;
    return value;
  };
  expect(await count()).toBe(true);
  await inSession(shards.superuserUrls[shard] ?? '', async (decision) => {
    // Halt and retry leave the progress row as it was, and a row in the ledger.
    await decision.query(`begin; select from partition_progress where partition = ${partition} for update`);
    const counting = count().catch((error: unknown) => error);
    await waiting(1);
    await decision.query(`create temporary table one as select * from commit_ledger where partition = ${partition}
      order by sequence desc limit 1;
      update one set sequence = sequence + 1, from_offset = to_offset, records = 0, source = 'decision',
        decided_by = 'ops', decided_why = 'mended';
      insert into commit_ledger select * from one; commit`);
    expect(await counting).toMatchObject({ code: 'shard_unavailable', retryable: true });
  });
  expect(await count()).toBe(true);
  await ledger.close();
});
