import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createShardLedger } from '../../shared/ledger/postgres/shard-ledger.ts';
import type { MovedRange, RangeTransaction, ShardLedger } from '../../shared/ledger/shard-ledger.ts';
import { dayMs, eventAgeDaysMax } from '../../shared/limits.ts';
import { routeMapVersion } from '../../shared/log/routing.ts';
import {
  commitRows,
  dayRows,
  homeOf,
  noonDay,
  partitions,
  usageRow,
  writeRange,
} from '../harness/builders/ledger.ts';
import { noonMs } from '../harness/builders/records.ts';
import { type FreshShards, freshShards, rowsOf } from '../harness/pipeline/isolation.ts';
import { type CutProxy, cutProxy } from '../harness/proxy/cut-proxy.ts';

const { partition, shard } = homeOf('org_1');
const recordHash = Buffer.alloc(32, 9);
let shards: FreshShards;
let proxy: CutProxy;
let ledger: ShardLedger;

const open = (url: string) => createShardLedger({ url, shard, mapVersion: routeMapVersion });
const asOwnerOfServer = (sql: string) => rowsOf(shards.superuserUrls[shard] ?? '', sql);
const rangeAt = (from: number) => {
  return { from, to: from + 1, rows: [usageRow({ offset: from, idempotencyKey: `at-${from}` })] };
};
const loadedAt = (offset: number) =>
  asOwnerOfServer(`select 1 from usage_events where "offset" = ${offset} and partition = ${partition}`);

async function movedFrom(transaction: RangeTransaction, from: number): Promise<MovedRange> {
  const moved = await transaction.moveProgress({
    generation: 1,
    from,
    to: from + 1,
    recordHash,
    checkedRanges: 0,
    closedBefore: null,
  });
  if (moved === null) throw new Error('nobody else moves this partition');
  return moved;
}

beforeAll(async () => {
  shards = await freshShards({ topicId: 'topic-faults', partitions });
  proxy = await cutProxy(shards.writerUrls[shard] ?? '');
  ledger = open(proxy.url);
});

afterAll(async () => {
  await ledger.close();
  await proxy.close();
  await shards.drop();
});

describe('an unknown COMMIT', () => {
  it('U3: cut before COMMIT arrives, next_offset says that it did not happen', async () => {
    const from = await ledger.nextOffset(partition);
    proxy.arm('before-commit-arrives');
    const cuts = proxy.cuts;
    const outcome = await commitRows(ledger, partition, rangeAt(from));
    expect([outcome.kind, proxy.cuts]).toEqual(['unknown', cuts + 1]);
    expect(await ledger.nextOffset(partition)).toBe(from);
    expect(await loadedAt(from)).toHaveLength(0);
    expect((await commitRows(ledger, partition, rangeAt(from))).kind).toBe('committed');
    expect(await loadedAt(from)).toHaveLength(1);
  });

  it('U3: cut before the answer arrives, next_offset says that it happened', async () => {
    const from = await ledger.nextOffset(partition);
    proxy.arm('before-answer-arrives');
    const cuts = proxy.cuts;
    const outcome = await commitRows(ledger, partition, rangeAt(from));
    expect([outcome.kind, proxy.cuts]).toEqual(['unknown', cuts + 1]);
    expect(await ledger.nextOffset(partition)).toBe(from + 1);
    expect(await loadedAt(from)).toHaveLength(1);
  });

  it('U2: a backend killed inside the transaction leaves nothing, and the range is taken again', async () => {
    const from = await ledger.nextOffset(partition);
    const broken = ledger.transaction(partition, async (transaction) => {
      const moved = await movedFrom(transaction, from);
      const ended = await asOwnerOfServer(
        `select pg_terminate_backend(pid) as ended from pg_stat_activity
         where application_name = 'flusher:${partition}' and datname = current_database()`,
      );
      expect(ended).toEqual([{ ended: true }]);
      await moved.loadDay(dayRows(rangeAt(from).rows));
      return { commit: true, value: undefined };
    });
    await expect(broken).rejects.toMatchObject({ code: 'shard_unavailable', retryable: true });
    expect(await ledger.nextOffset(partition)).toBe(from);
    expect((await commitRows(ledger, partition, rangeAt(from))).kind).toBe('committed');
  });

  it('work that fails rolls back, keeps its own error, and the next transaction works', async () => {
    const from = await ledger.nextOffset(partition);
    const bug = new TypeError('a bug of the caller');
    const work = ledger.transaction(partition, async (transaction) => {
      await writeRange(transaction, rangeAt(from));
      throw bug;
    });
    await expect(work).rejects.toBe(bug);
    expect(await ledger.nextOffset(partition)).toBe(from);
    expect((await commitRows(ledger, partition, rangeAt(from))).kind).toBe('committed');
  });

  it('a transaction that failed inside cannot be committed by mistake', async () => {
    const from = await ledger.nextOffset(partition);
    const { rows } = rangeAt(from - 1);
    const work = ledger.transaction(partition, async (transaction) => {
      const moved = await movedFrom(transaction, from);
      const value = await moved.loadDay(dayRows(rows));
      expect(value).toEqual({ kind: 'unique' });
      return { commit: true, value };
    });
    await expect(work).rejects.toMatchObject({ code: 'invariant_broken' });
    expect(await ledger.nextOffset(partition)).toBe(from);
  });
});

describe('a writer that has stopped', () => {
  const stuck: pg.Client[] = [];

  afterEach(async () => {
    await Promise.all(stuck.splice(0).map((client) => client.end().catch(() => undefined)));
  });

  /** A session of the writer that holds the progress row. */
  async function holdProgress(applicationName: string): Promise<{ readonly ended: Promise<unknown> }> {
    const client = new pg.Client({
      connectionString: shards.writerUrls[shard] ?? '',
      application_name: applicationName,
    });
    const ended = new Promise((resolve) => client.on('error', resolve));
    await client.connect();
    stuck.push(client);
    await client.query('begin');
    await client.query('select 1 from partition_progress where partition = $1 for update', [partition]);
    return { ended };
  }

  it('U3: a lock that is not given is a transient failure, and a young transaction is left alone', async () => {
    await holdProgress(`flusher:${partition}`);
    const work = ledger.nextOffset(partition);
    await expect(work).rejects.toMatchObject({ code: 'shard_unavailable', retryable: true });
    expect(await stuck[0]?.query('select 1')).toMatchObject({ rowCount: 1 });
  });

  it('U3: old transactions of that name are ended, others are not', async () => {
    const { ended } = await holdProgress(`flusher:${partition}`);
    await pause(50);
    const file = new URL('../../shared/ledger/postgres/sql/end-stuck-sessions.sql', import.meta.url);
    const endStuck = async (name: string, olderThanMs: number) => {
      const client = new pg.Client({ connectionString: shards.writerUrls[shard] ?? '' });
      await client.connect();
      const { rows } = await client.query(await readFile(file, 'utf8'), [name, olderThanMs]);
      await client.end();
      return rows.length;
    };
    expect(await endStuck(`flusher:${partition}`, 60_000)).toBe(0);
    expect(await endStuck('flusher:999', 1)).toBe(0);
    expect(await endStuck(`flusher:${partition}`, 1)).toBe(1);
    expect(await ended).toMatchObject({ code: '57P01' });
    expect(await ledger.nextOffset(partition)).toBeGreaterThan(0);
  });
});

describe('days', () => {
  const today = Math.floor(Date.now() / dayMs);
  const leaves = async (): Promise<number> =>
    (await asOwnerOfServer(`select 1 from pg_inherits where inhparent = 'usage_events'::regclass`)).length;

  it('U2: flushers that race for the same new days all get them, while a commit is open', async () => {
    const others = Array.from({ length: 4 }, () => open(shards.writerUrls[shard] ?? ''));
    const days = Array.from({ length: 20 }, (_, i) => today - 10 - i);
    const before = await leaves();
    const from = await ledger.nextOffset(partition);
    await ledger.ensureDays([noonDay]);
    await ledger.transaction(partition, async (transaction) => {
      await writeRange(transaction, rangeAt(from));
      const closed = await Promise.all(others.map((one) => one.ensureDays(days)));
      expect(closed.map((set) => set.size)).toEqual([0, 0, 0, 0]);
      return { commit: true, value: undefined };
    });
    expect(await leaves()).toBe(before + days.length);
    await Promise.all(others.map((one) => one.close()));
  });

  it('U2: leaves carry the unique index, the range and the checks of their parent', async () => {
    const day = noonDay - 100;
    await ledger.ensureDays([day]);
    const eventTimeMs = noonMs - 100 * dayMs;
    const from = await ledger.nextOffset(partition);
    const rows = [0, 1].map((index) =>
      usageRow({ eventTimeMs, index, idempotencyKey: 'same', offset: from }),
    );
    const range = { from, to: from + 1, rows };
    expect(await commitRows(ledger, partition, range)).toEqual({ kind: 'rolled-back', value: false });
    const misplaced = [usageRow({ offset: from, day, idempotencyKey: 'other' })];
    const work = ledger.transaction(partition, async (transaction) => {
      const wrong = { ...dayRows(misplaced), day: noonDay };
      return { commit: false, value: await (await movedFrom(transaction, from)).loadDay(wrong) };
    });
    await expect(work).rejects.toMatchObject({ code: 'shard_refused' });
  });

  it('U9: days that are old when they are first made share the leaf of their month', async () => {
    const days = Array.from({ length: 64 }, (_, i) => today - 3000 + i * 40);
    const months = new Set(days.map((day) => new Date(day * dayMs).toISOString().slice(0, 7)));
    const before = await leaves();
    expect(await ledger.ensureDays(days)).toEqual(new Set());
    expect(await leaves()).toBe(before + months.size);
    const neighbours = days.map((day) => day + 1).filter((day) => new Date(day * dayMs).getUTCDate() > 1);
    await ledger.ensureDays(neighbours);
    expect(await leaves()).toBe(before + months.size);
  });

  it('U9: the days of 26 years are at most 400 leaves, whoever makes them first', async () => {
    const others = Array.from({ length: 3 }, () => open(shards.writerUrls[shard] ?? ''));
    const first = Date.UTC(2000, 0, 1) / dayMs;
    for (let day = first; day <= today; day += 5 * 64) {
      const days = Array.from({ length: 64 }, (_, i) => day + 5 * i).filter((one) => one <= today);
      await Promise.all(others.map((one) => one.ensureDays(days)));
    }
    expect(await leaves()).toBeLessThanOrEqual(400);
    await Promise.all(others.map((one) => one.close()));
  });

  it('U2: a key counts once a day in a leaf of a month, and again on the next day', async () => {
    const from = await ledger.nextOffset(partition);
    const at = (days: number) => noonMs - (400 - days) * dayMs;
    const rowsAt = (offset: number, days: number) => [
      usageRow({ offset, eventTimeMs: at(days), idempotencyKey: 'in-a-month' }),
    ];
    const commit = (offset: number, days: number) =>
      commitRows(ledger, partition, { from: offset, to: offset + 1, rows: rowsAt(offset, days) });
    expect((await commit(from, 0)).value).toBe(true);
    expect((await commit(from + 1, 0)).value).toBe(false);
    expect((await commit(from + 1, 1)).value).toBe(true);
    const found = await asOwnerOfServer(
      `select count(distinct tableoid)::int as leaves, count(*)::int as rows from usage_events
       where idempotency_key = 'in-a-month'`,
    );
    expect(found).toEqual([{ leaves: 1, rows: 2 }]);
  });

  it('a day that had a leaf of its own keeps it beside the leaf of its month', async () => {
    const leafOf = async (day: number, on: number) => {
      const dates = [day, on].map((one) => `date '1970-01-01' + ${one}`).join(', ');
      return (await asOwnerOfServer(`select leaf_of(${dates}) as leaf`))[0]?.['leaf'];
    };
    const day = today - 20;
    await ledger.ensureDays([day]);
    const own = await leafOf(day, today);
    expect(own).toMatch(/^usage_events_\d{8}$/);
    expect(await leafOf(day, today + 100)).toBe(own);
    expect(await leafOf(today + 2, today + 2 + eventAgeDaysMax)).toMatch(/_\d{8}$/);
    expect(await leafOf(today + 2, today + 2 + eventAgeDaysMax + 1)).toMatch(/_\d{6}$/);
  });

  it('a closed day is never made again', async () => {
    const owner = shards.ownerUrls[shard] ?? '';
    await rowsOf(owner, `update shard_identity set closed_before = date '2020-01-02'`);
    const closed = Date.UTC(2020, 0, 1) / dayMs;
    expect(await ledger.ensureDays([closed, closed + 1])).toEqual(new Set([closed]));
    expect(await asOwnerOfServer(`select to_regclass('usage_events_20200101')::text as leaf`)).toEqual([
      { leaf: null },
    ]);
  });
});
