/** Closing a day: rows go, totals and their proof stay, and what comes later is kept aside, in the order of the log. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { closeDay, type ShardClosing } from '../../functions/operator/close-day.ts';
import { verifyShard } from '../../functions/operator/verify-shard.ts';
import { inSession, oneStatement } from '../../localstack/servers/postgres-session.ts';
import { migrateShard } from '../../migrations/migrate.ts';
import { formatDay } from '../../shared/events/calendar.ts';
import type { SealedEvent } from '../../shared/events/usage-event.ts';
import { createShardControl } from '../../shared/ledger/postgres/shard-control.ts';
import { createSummaryReader } from '../../shared/ledger/postgres/summary-reader.ts';
import type { ShardControl } from '../../shared/ledger/shard-control.ts';
import { dayMs, eventAgeDaysMax } from '../../shared/limits.ts';
import { partitionOf, partitionsOf, routeMapVersion, shardOf } from '../../shared/log/routing.ts';
import { envelope, sealedEvent } from '../harness/builders/records.ts';
import { leafSql } from '../harness/pipeline/one-shard.ts';
import { openPipeline, type Pipeline } from '../harness/pipeline/pipeline.ts';

const organization = 'acme';
const partition = partitionOf(organization, 20);
const shard = shardOf(partition);
/** The youngest day that may be closed, at any hour of today. */
const oldDay = Math.floor(Date.now() / dayMs) - eventAgeDaysMax - 2;
const by = 'an operator';
const why = 'kept as long as promised';

let pipeline: Pipeline;
let controls: readonly ShardControl[];
let keys = 0;

beforeAll(async () => {
  pipeline = await openPipeline();
  controls = pipeline.shards.ownerUrls.map((ownerUrl, one) => {
    const operatorUrl = pipeline.shards.operatorUrls[one] ?? '';
    return createShardControl({ ownerUrl, operatorUrl, shard: one, mapVersion: routeMapVersion });
  });
});
afterAll(async () => {
  await Promise.all(controls.map((control) => control.close()));
  await pipeline.close();
});

const superuser = (sql: string) => oneStatement(pipeline.shards.superuserUrls[shard] ?? '', sql);
const query = (sql: string) => pipeline.query(partition, sql);
// Same type: the day of the event, then how many.
async function send(day: number, fields: Partial<SealedEvent> = {}): Promise<void> {
  const eventTimeMs = day * dayMs + 3_600_000;
  const event = sealedEvent({ organization, idempotencyKey: `key-${keys++}`, eventTimeMs, ...fields });
  await pipeline.append(partition, [envelope([event], { partition })]);
}
async function close(day: number): Promise<ShardClosing | undefined> {
  return (await closeDay({ day, by, why }, controls)).find((one) => one.shard === shard);
}
async function leaves(): Promise<unknown[]> {
  const rows = await query(`select inhrelid::regclass::text as leaf from pg_inherits
    where inhparent = 'usage_events'::regclass order by 1`);
  return rows.map(({ leaf }) => leaf);
}
/** Leaves of days that were counted while they were young; a day first counted now would be in its month's leaf. */
async function countedYoung(...days: readonly number[]): Promise<void> {
  await superuser(days.map((day) => leafSql(leafName(day), [day])).join(''));
}
const leafName = (day: number) => `usage_events_${formatDay(day).replaceAll('-', '')}`;
async function proof() {
  const verdicts = await Promise.all(controls.map((control) => verifyShard(control)));
  const { differences } = await pipeline.recount();
  return [verdicts.flatMap(({ bad, totals }) => [...bad, ...totals]), differences];
}
const holds = [[], []];

it('a day stays open while its events are accepted, and while something of it may not be committed', async () => {
  await countedYoung(oldDay);
  await send(oldDay);
  expect(await close(oldDay)).toMatchObject({ kind: 'not_committed', partitions: expect.any(Array) });
  await pipeline.flush();
  expect(await close(oldDay + 2)).toMatchObject({ kind: 'too_young' });
  await superuser(
    `update partition_progress set complete_through = now() - interval '3 days' where partition = ${partition}`,
  );
  expect(await close(oldDay)).toMatchObject({ kind: 'not_committed', partitions: [partition] });
  await pipeline.pass();
  await superuser(
    `update partition_progress set halted = true, halt_code = 'x', halted_at = now() where partition = ${partition}`,
  );
  expect(await close(oldDay)).toMatchObject({ kind: 'not_committed', partitions: [partition] });
  await superuser(
    `update partition_progress set halted = false, halt_code = null, halted_at = null where partition = ${partition}`,
  );
  expect(await leaves()).toContain(leafName(oldDay));
});

it('a leaf of several days goes with the last of them, and until then its closed days are closed', async () => {
  await pipeline.flush();
  const [first, last] = [oldDay - 20, oldDay - 19];
  await countedYoung(first, last);
  for (const day of [first, last]) await send(day);
  await pipeline.flush();
  const month = 'usage_events_202609';
  const moved = [first, last].map(
    (day) => `alter table usage_events detach partition ${leafName(day)};
      insert into ${month} select * from ${leafName(day)}; drop table ${leafName(day)};`,
  );
  await superuser(`create table ${month} (like usage_events including defaults including constraints);
    alter table ${month} owner to odometer_owner; ${moved.join('')}
    alter table usage_events attach partition ${month} for values in ('${formatDay(first)}', '${formatDay(last)}')`);
  expect(await close(first)).toMatchObject({ kind: 'closed', leavesDropped: 0 });
  await send(first);
  await pipeline.flush();
  expect(await query(`select code from quarantine`)).toEqual([{ code: 'day_closed' }]);
  expect(await leaves()).toContain(month);
  expect(await proof()).toEqual(holds);
  expect(await close(last)).toMatchObject({ kind: 'closed', leavesDropped: 1 });
  expect(await leaves()).not.toContain(month);
  expect(await proof()).toEqual(holds);
});

it('U12: closing drops the rows of the day and of those before; totals, their digest and the decision stay', async () => {
  await countedYoung(oldDay - 3, oldDay - 1, oldDay + 1);
  for (const day of [oldDay - 3, oldDay + 1]) await send(day);
  await send(oldDay - 1, { idempotencyKey: 'yesterday' });
  await pipeline.flush();
  expect(await close(oldDay - 1)).toMatchObject({ kind: 'closed', leavesDropped: 2 });
  expect(await leaves()).toEqual([leafName(oldDay), leafName(oldDay + 1)]);
  const [row] = await query(
    `select days, decided_by, decided_why, from_offset = to_offset as empty from commit_ledger
     where partition = ${partition} and source = 'decision' order by sequence desc limit 1`,
  );
  const closed = [oldDay - 3, oldDay - 1].map((day) => {
    return { day: formatDay(day), count: 1, digest: null, sums: expect.stringMatching(/^[0-9a-f]{64}$/) };
  });
  expect(row).toEqual({ days: closed, decided_by: by, decided_why: why, empty: true });
  const audit = await query(
    `select decided_by from audit_log where subject = 'shard_identity' and action = 'update'`,
  );
  expect(new Set(audit.map((row) => row['decided_by']))).toEqual(new Set([by]));
  expect(await query('select sum(event_count)::int as events from usage_rollups')).toEqual([{ events: 6 }]);
  expect(await proof()).toEqual(holds);
});

it('U2: what comes of a closed day is quarantined and not counted, and the neighbouring days go on', async () => {
  await send(oldDay - 1);
  await send(oldDay);
  // The day before is closed and remembers nothing, so this key counts again on its own day.
  await send(oldDay, { idempotencyKey: 'yesterday', undated: true });
  await pipeline.flush();
  expect(await query(`select code, count(*)::int as events from quarantine group by 1`)).toEqual([
    { code: 'day_closed', events: 2 },
  ]);
  expect(await leaves()).toEqual([leafName(oldDay), leafName(oldDay + 1)]);
  expect(await proof()).toEqual(holds);
});

it('U3: a day that is closed while a range is on its way fences the range, and then keeps its event aside', async () => {
  await send(oldDay);
  await send(oldDay + 1);
  await pipeline.pass();
  pipeline.age(10_000);
  let closings = 0;
  await pipeline.pass(async (step) => {
    if (step === 'before-compare-and-set' && closings++ === 0) {
      expect(await close(oldDay)).toMatchObject({ kind: 'closed' });
    }
  });
  await pipeline.flush();
  expect(closings).toBeGreaterThan(0);
  expect(await query('select count(*)::int as halted from partition_progress where halted')).toEqual([
    { halted: 0 },
  ]);
  expect(await query(`select count(*)::int as events from quarantine`)).toEqual([{ events: 3 }]);
  expect(await leaves()).toEqual([leafName(oldDay + 1)]);
  expect(await proof()).toEqual(holds);
});

it('U3: a commit that has waited for a closing moves nothing, because the chain has gone on', async () => {
  const ledger = pipeline.ledgerOf(partition);
  const from = await ledger.nextOffset(partition);
  const closedBefore = oldDay + 1;
  const move = {
    from,
    to: from + 1,
    recordHash: Buffer.alloc(32),
    checkedRanges: 0,
    generation: 1,
    closedBefore,
  };
  const set = (days: number) => `update partition_progress set closed_before = closed_before + ${days}`;
  const tryMove = () =>
    ledger.transaction(partition, async (transaction) => ({
      commit: false,
      value: (await transaction.moveProgress(move)) !== null,
    }));
  await inSession(pipeline.shards.superuserUrls[shard] ?? '', async (client) => {
    await client.query(`begin; ${set(1)}`);
    const waiting = tryMove();
    await client.query('select pg_sleep(0.3)');
    await client.query('commit');
    expect(await waiting).toEqual({ kind: 'rolled-back', value: false });
    // As no statement of ours could: nothing lowers the bound.
    await client.query(`set session_replication_role = replica; ${set(-1)}`);
  });
  expect(await tryMove()).toEqual({ kind: 'rolled-back', value: true });
});

it('closing again drops a leaf that was left, also for a day that is older than the last closed one', async () => {
  await countedYoung(oldDay);
  expect(await close(oldDay - 1)).toMatchObject({
    kind: 'closed_already',
    leavesDropped: 1,
    unfinished: null,
  });
  expect(await leaves()).toEqual([leafName(oldDay + 1)]);
  expect(await close(oldDay)).toMatchObject({ kind: 'closed_already', leavesDropped: 0 });
});

it('U3: a partition that comes to a shard with closed days goes on, and keeps their events aside', async () => {
  const fresh = (partition + 4) % 20;
  const newcomer = Array.from({ length: 200 }, (_, i) => `org_${i}`).find(
    (one) => partitionOf(one, 20) === fresh,
  );
  await superuser(`delete from partition_progress where partition = ${fresh};
    delete from commit_ledger where partition = ${fresh}`);
  const home = { shard, topicId: pipeline.topic.topicId, mapVersion: routeMapVersion, generation: 1 };
  const partitions = partitionsOf({ shard, partitions: 20 });
  await migrateShard({ ownerUrl: pipeline.shards.ownerUrls[shard] ?? '', ...home, partitions });
  for (const day of [oldDay, oldDay + 1]) {
    const event = { organization: newcomer ?? '', idempotencyKey: `new ${day}`, eventTimeMs: day * dayMs };
    await pipeline.append(fresh, [envelope([sealedEvent(event)], { partition: fresh })]);
  }
  await pipeline.flush();
  const kept = await query(`select code from quarantine where partition = ${fresh}`);
  const counted = await query(
    `select sum(inserted)::int as sum from commit_ledger where partition = ${fresh}`,
  );
  expect({ kept, counted }).toEqual({ kept: [{ code: 'day_closed' }], counted: [{ sum: 1 }] });
  expect(await proof()).toEqual(holds);
});

it('a summary of closed days is complete, whatever is in flight', async () => {
  await pipeline.flush();
  await send(oldDay + 1);
  pipeline.age(10_000);
  const reader = createSummaryReader({ urls: pipeline.shards.readerUrls, partitions: 20 });
  await superuser(`update partition_progress set log_end = next_offset + 1 where partition = ${partition}`);
  const complete = async (endDay: number) =>
    (await reader.summarize({ organization, startDay: endDay, endDay })).freshness.complete;
  expect([await complete(oldDay), await complete(oldDay + 1)]).toEqual([true, false]);
  await reader.close();
  await pipeline.flush();
});
