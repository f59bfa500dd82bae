/** What a closing refuses, and what it does where it was cut off: everything of one shard, without a log. */
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeDay } from '../../functions/operator/close-day.ts';
import { verifyShard } from '../../functions/operator/verify-shard.ts';
import { inSession, oneStatement } from '../../localstack/servers/postgres-session.ts';
import { formatDay } from '../../shared/events/calendar.ts';
import type { ShardControl } from '../../shared/ledger/shard-control.ts';
import type { ShardLedger } from '../../shared/ledger/shard-ledger.ts';
import { dayMs, eventAgeDaysMax, lockTimeoutMs } from '../../shared/limits.ts';
import { commitRows, homeOf, usageRow } from '../harness/builders/ledger.ts';
import { type FreshShards, rowsOf } from '../harness/pipeline/isolation.ts';
import { leafSql, oneShard } from '../harness/pipeline/one-shard.ts';

const { partition, shard } = homeOf('org_1');
/** The youngest day that may be closed, at any hour of today. */
const oldDay = Math.floor(Date.now() / dayMs) - eventAgeDaysMax - 2;
const leafName = (day: number) => `usage_events_${formatDay(day).replaceAll('-', '')}`;
let shards: FreshShards;
let ledger: ShardLedger;
let control: ShardControl;
let drop: () => Promise<void>;
let next = 0;

const superuser = (sql: string) => oneStatement(shards.superuserUrls[shard] ?? '', sql);
const read = (sql: string) => rowsOf(shards.superuserUrls[shard] ?? '', sql);
const close = async (day: number) => (await closeDay({ day, by: 'ops', why: 'old' }, [control]))[0];

async function count(day: number): Promise<void> {
  const eventTimeMs = day * dayMs + 3_600_000;
  const rows = [usageRow({ offset: next, idempotencyKey: `key-${next}`, eventTimeMs, quantity: '1.5' })];
  expect(await commitRows(ledger, partition, { from: next, to: next + 1, rows })).toMatchObject({
    value: true,
  });
  next += 1;
}

/** The leaves of days that were counted while they were young. */
async function makeLeaves(...days: readonly number[]): Promise<void> {
  await superuser(days.map((day) => leafSql(leafName(day), [day])).join(''));
}

async function leaves(): Promise<unknown[]> {
  const rows = await read(`select relname as leaf from pg_class
    where relkind = 'r' and relname ~ '^usage_events_[0-9]' order by 1`);
  return rows.map(({ leaf }) => leaf);
}

beforeAll(async () => {
  ({ shards, ledger, control, drop } = await oneShard('topic-closing', shard));
  await superuser('update partition_progress set complete_through = now()');
  await makeLeaves(oldDay - 9, oldDay - 8);
  for (const day of [oldDay - 9, oldDay - 8, oldDay - 8]) await count(day);
});

afterAll(() => drop());

describe('what was changed before its day is closed', () => {
  const at = new Date((oldDay - 8) * dayMs + 3_600_000);
  const day = formatDay(oldDay - 8);

  it.each([
    [
      'a total',
      `update usage_rollups set total = total + 1 where quarter = '${at.toISOString()}'`,
      `update usage_rollups set total = total - 1 where quarter = '${at.toISOString()}'`,
      {
        day,
        commits: [],
        totals: [
          {
            ...{ partition, organization: 'org_1', metric: 'api_calls', quarterMs: at.getTime() },
            ...{ rows: { total: '3', count: 2 }, rollup: { total: '4', count: 2 } },
          },
        ],
      },
    ],
    [
      'a total of an earlier day',
      `update usage_rollups set event_count = 5 where quarter < '${day}'`,
      `update usage_rollups set event_count = 1 where quarter < '${day}'`,
      { day: formatDay(oldDay - 9), commits: [], totals: [{ rollup: { count: 5 } }] },
    ],
    [
      'a row that its total followed',
      `update usage_events set quantity = 9 where "offset" = 2;
       update usage_rollups set total = 10.5, maximum = 9, latest = 9 where quarter = '${at.toISOString()}'`,
      `update usage_events set quantity = 1.5 where "offset" = 2;
       update usage_rollups set total = 3, maximum = 1.5, latest = 1.5 where quarter = '${at.toISOString()}'`,
      { day, commits: [{ partition, day, sequence: 3, from: 2 }], totals: [] },
    ],
    [
      'a row of another key',
      `update usage_events set idempotency_key = 'x' where "offset" = 1`,
      `update usage_events set idempotency_key = 'key-1' where "offset" = 1`,
      { day, commits: [{ partition, sequence: 2 }], totals: [] },
    ],
    [
      'a row more',
      `create temporary table one as select * from usage_events where "offset" = 2;
       update one set index = 5, key_hash = gen_random_uuid(), quantity = 0; insert into usage_events select * from one;
       update usage_rollups set event_count = 3, minimum = 0, latest = 0 where quarter = '${at.toISOString()}'`,
      `delete from usage_events where index = 5;
       update usage_rollups set event_count = 2, minimum = 1.5, latest = 1.5 where quarter = '${at.toISOString()}'`,
      { day, commits: [{ partition, sequence: 3 }], totals: [] },
    ],
  ])('U12: %s is named, and the day stays open', async (_what, change, back, named) => {
    await superuser(change);
    expect(await close(oldDay - 8)).toMatchObject({ kind: 'differs', ...named });
    expect(await read('select closed_before from shard_identity')).toEqual([{ closed_before: null }]);
    expect(await leaves()).toEqual([leafName(oldDay - 9), leafName(oldDay - 8)]);
    await superuser(back);
  });

  it('U12: what is counted while the days are compared is not closed unseen', async () => {
    const outcome = await inSession(shards.superuserUrls[shard] ?? '', async (client) => {
      // Comparing reads the totals: it waits, and so does the test until it does.
      await client.query('begin; lock table usage_rollups in access exclusive mode');
      const closing = close(oldDay - 8);
      await expect
        .poll(() => read(`select count(*)::int as waiting from pg_locks where not granted`))
        .toEqual([{ waiting: 1 }]);
      const counting = count(oldDay - 9);
      await sleep(200);
      await client.query('commit');
      await counting;
      return closing;
    });
    expect(outcome).toMatchObject({ kind: 'changed', days: [formatDay(oldDay - 9)] });
    expect(await read('select closed_before from shard_identity')).toEqual([{ closed_before: null }]);
  });

  it('U12: the same day is closed when it is what was counted', async () => {
    expect(await close(oldDay - 8)).toMatchObject({ kind: 'closed', leavesDropped: 2, unfinished: null });
    expect(await leaves()).toEqual([]);
    expect(await verifyShard(control)).toMatchObject({ bad: [], totals: [] });
  });
});

describe('a closing that was cut off', () => {
  /** A reader of the table, whom detaching waits for. */
  async function whileRead<T>(work: (reader: pg.Client) => Promise<T>): Promise<T> {
    return inSession(shards.superuserUrls[shard] ?? '', async (reader) => {
      await reader.query('begin; select count(*) from usage_events');
      return work(reader);
    });
  }
  const cutOff = (day: number) =>
    whileRead(async () => {
      const sql = `alter table usage_events detach partition ${leafName(day)} concurrently`;
      await expect(
        inSession(shards.superuserUrls[shard] ?? '', async (client) => {
          await client.query(`set statement_timeout = '300ms'`);
          await client.query(sql);
        }),
      ).rejects.toThrow(/timeout/);
    });

  it('goes on with the leaf whose detaching was cut off, before it detaches another', async () => {
    await makeLeaves(oldDay - 6, oldDay - 5);
    const pending = leafName(oldDay - 5);
    await superuser(`update shard_identity set closed_before = '${formatDay(oldDay - 4)}';
      update partition_progress set closed_before = '${formatDay(oldDay - 4)}'`);
    await cutOff(oldDay - 5);
    expect(
      await read('select inhrelid::regclass::text as leaf from pg_inherits where inhdetachpending'),
    ).toEqual([{ leaf: pending }]);
    expect(await close(oldDay - 6)).toMatchObject({ kind: 'closed_already', leavesDropped: 2 });
    expect(await leaves()).toEqual([]);
  });

  it('drops a leaf that was detached and not dropped, and no other table of that kind of name', async () => {
    await makeLeaves(oldDay - 6, oldDay + 20);
    for (const day of [oldDay - 6, oldDay + 20])
      await superuser(`alter table usage_events detach partition ${leafName(day)} concurrently`);
    expect(await close(oldDay - 6)).toMatchObject({ kind: 'closed_already', leavesDropped: 1 });
    expect(await leaves()).toEqual([leafName(oldDay + 20)]);
    await superuser(`drop table ${leafName(oldDay + 20)}`);
  });

  it('waits for a read that takes longer than a commit would wait', async () => {
    await makeLeaves(oldDay - 6);
    const closing = await whileRead(async (reader) => {
      const waiting = close(oldDay - 6);
      await sleep(lockTimeoutMs + 1000);
      await reader.query('commit');
      return waiting;
    });
    expect(closing).toMatchObject({ kind: 'closed_already', leavesDropped: 1 });
  });
});
