import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromOperatorEvent } from '../../functions/operator/from-operator-event.ts';
import { listConflicts } from '../../functions/operator/list-conflicts.ts';
import { listHalts } from '../../functions/operator/list-halts.ts';
import { listQuarantine } from '../../functions/operator/list-quarantine.ts';
import { resumePartition } from '../../functions/operator/resume-partition.ts';
import { verifyShard } from '../../functions/operator/verify-shard.ts';
import { oneStatement } from '../../localstack/servers/postgres-session.ts';
import { createShardControl } from '../../shared/ledger/postgres/shard-control.ts';
import { createShardLedger } from '../../shared/ledger/postgres/shard-ledger.ts';
import type { Decision, ShardControl } from '../../shared/ledger/shard-control.ts';
import type { ShardLedger } from '../../shared/ledger/shard-ledger.ts';
import { listedRecordBytesMax } from '../../shared/limits.ts';
import { routeMapVersion } from '../../shared/log/routing.ts';
import {
  commitRecord,
  commitRows,
  haltNow,
  homeOf,
  noonDay,
  partitions,
  usageRow,
} from '../harness/builders/ledger.ts';
import { noonMs } from '../harness/builders/records.ts';
import { type FreshShards, freshShards, rowsOf } from '../harness/pipeline/isolation.ts';

const { partition, shard } = homeOf('org_1');
const commits = 5;
let shards: FreshShards;
let ledger: ShardLedger;
let controls: readonly ShardControl[];
let control: ShardControl;

const tamper = (sql: string) => oneStatement(shards.superuserUrls[shard] ?? '', sql);
const read = (sql: string) => rowsOf(shards.superuserUrls[shard] ?? '', sql);

beforeAll(async () => {
  shards = await freshShards({ topicId: 'topic-operator', partitions });
  ledger = createShardLedger({ url: shards.writerUrls[shard] ?? '', shard, mapVersion: routeMapVersion });
  controls = shards.ownerUrls.map((ownerUrl, one) => {
    const operatorUrl = shards.operatorUrls[one] ?? '';
    return createShardControl({ ownerUrl, operatorUrl, shard: one, mapVersion: routeMapVersion });
  });
  const [home] = controls.filter((one) => one.shard === shard);
  if (home === undefined) throw new Error('there is no home shard');
  control = home;
  for (let from = 0; from < commits; from++) {
    const rows = [0, 1, 2].map((index) =>
      usageRow({ offset: from, index, idempotencyKey: `"${from}" \\ ${index} ü`, quantity: '0.1' }),
    );
    await commitRows(ledger, partition, { from, to: from + 1, rows });
  }
});

afterAll(async () => {
  await Promise.all([ledger.close(), ...controls.map((one) => one.close())]);
  await shards.drop();
});

describe('halts', () => {
  const retry: Decision = {
    partition,
    by: 'an operator',
    why: 'the log is whole again',
    action: { kind: 'retry' },
  };

  it('U7: only a halted partition is resumed, and only by its own shard', async () => {
    expect(await resumePartition(retry, controls)).toBe('not_halted');
    expect(await resumePartition({ ...retry, partition: partition + 800 }, controls)).toBe(
      'unknown_partition',
    );
    expect(await listHalts(controls)).toEqual([]);
  });

  it('U7: a decision lifts the halt, is in the ledger with who and why, and ranges still tile', async () => {
    await haltNow(ledger, partition, { code: 'log_truncated', reason: 'the log ends below next_offset' });
    const [halt] = await listHalts(controls);
    expect(halt).toMatchObject({ shard, partition, nextOffset: commits, halt: { code: 'log_truncated' } });
    const back: Decision = { ...retry, action: { kind: 'skip', offset: commits - 1 } };
    expect(await resumePartition(back, controls)).toBe('offset_below_next');
    expect(await resumePartition(retry, controls)).toBe('resumed');
    await commitEmpty(commits);
    await haltNow(ledger, partition, { code: 'offset_missing', reason: 'a hole' });
    expect(await resumePartition({ ...retry, action: { kind: 'skip', offset: 9 } }, controls)).toBe(
      'resumed',
    );
    await commitEmpty(9);
    const rows = await read(
      `select from_offset::int, to_offset::int, decided_by from commit_ledger where sequence > ${commits} order by sequence`,
    );
    expect(rows).toEqual([
      { from_offset: 5, to_offset: 5, decided_by: 'an operator' },
      { from_offset: 5, to_offset: 6, decided_by: null },
      { from_offset: 6, to_offset: 9, decided_by: 'an operator' },
      { from_offset: 9, to_offset: 10, decided_by: null },
    ]);
    const audit = await read(
      `select decided_by, decided_why, login from audit_log where decided_by is not null`,
    );
    expect(audit).toHaveLength(2);
    expect(audit[0]).toEqual({ decided_by: retry.by, decided_why: retry.why, login: 'odometer_owner' });
    expect((await verifyShard(control)).bad).toEqual([]);
  });

  it('U7: where offsets restart a new generation starts, bound to the declared topic', async () => {
    await haltNow(ledger, partition, { code: 'other_topic', reason: 'the topic was made again' });
    const action = { kind: 'restart', offset: 0, topicId: 'topic-again' } as const;
    expect(await resumePartition({ ...retry, action }, controls)).toBe('resumed');
    const other = createShardLedger({
      url: shards.writerUrls[shard] ?? '',
      shard,
      mapVersion: routeMapVersion,
    });
    expect(await other.topicId()).toBe('topic-again');
    const progress = (await other.progress()).find((one) => one.partition === partition);
    expect(progress).toMatchObject({ generation: 2, nextOffset: 0, recordHash: null, halted: false });
    // What a flusher decided by the offsets of before does nothing to those of now.
    await ledger.halt({ partition, generation: 1, nextOffset: 0 }, { code: 'log_rewritten', reason: 'late' });
    expect(await listHalts(controls)).toEqual([]);
    const late = ledger.transaction(partition, async (transaction) => ({
      commit: true,
      value: await transaction.moveProgress({
        ...{ generation: 1, from: 0, to: 1 },
        ...{ recordHash: Buffer.alloc(32), checkedRanges: 0, closedBefore: null },
      }),
    }));
    expect((await late).value).toBeNull();
    // The topic of a restart is not among the two writes that every decision counts: its row and the progress.
    const counts = `select distinct write_statements from commit_ledger where source = 'decision'`;
    expect(await rowsOf(shards.operatorUrls[shard] ?? '', counts)).toEqual([{ write_statements: 2 }]);
    const rows = [usageRow({ offset: 0, idempotencyKey: 'of generation 2' })];
    expect((await commitRows(other, partition, { generation: 2, from: 0, to: 1, rows })).kind).toBe(
      'committed',
    );
    await other.close();
    expect(await verifyShard(control)).toMatchObject({ bad: [], totals: [] });
    // Offsets of the two generations repeat: both are proved, each row by its own commit.
    for (const [generation, key, sequence] of [
      [1, `idempotency_key like '"0%'`, 1],
      [2, `idempotency_key = 'of generation 2'`, 11],
    ] as const) {
      const change = (by: number) =>
        tamper(
          `update usage_events set quantity = trim_scale(quantity + ${by}) where "offset" = 0 and ${key}`,
        );
      await change(1);
      const { bad } = await verifyShard(control);
      await change(-1);
      expect({ generation, bad }).toMatchObject({ generation, bad: [{ partition, sequence }] });
    }
    expect(await verifyShard(control)).toMatchObject({ bad: [], totals: [] });
    await tamper('delete from commit_ledger where generation = 2');
    await tamper(`delete from usage_events where idempotency_key = 'of generation 2'`);
    expect((await verifyShard(control)).bad).toEqual([expect.objectContaining({ partition, sequence: 9 })]);
  });

  it('U3: a range that was planned before offsets started again is fenced, also at the same offset', async () => {
    const quiet = partition < 4 ? partition + 4 : partition - 4;
    const [row] = await read(
      `select generation, next_offset::int from partition_progress where partition = ${quiet}`,
    );
    expect(row).toEqual({ generation: 1, next_offset: 0 });
    // The partition's connection was opened, and so checked, before the restart.
    const url = shards.writerUrls[shard] ?? '';
    const planner = createShardLedger({ url, shard, mapVersion: routeMapVersion });
    const tryMove = async (generation: number) => {
      const { value } = await planner.transaction(quiet, async (transaction) => {
        const recordHash = Buffer.alloc(32);
        const move = { generation, from: 0, to: 1, recordHash, checkedRanges: 0, closedBefore: null };
        return { commit: false, value: (await transaction.moveProgress(move)) !== null };
      });
      return value;
    };
    expect(await tryMove(1)).toBe(true);
    await planner.halt(
      { partition: quiet, generation: 1, nextOffset: 0 },
      { code: 'other_topic', reason: 'the topic was made again' },
    );
    const action = { kind: 'restart', offset: 0, topicId: 'topic-thrice' } as const;
    expect(await resumePartition({ ...retry, partition: quiet, action }, controls)).toBe('resumed');
    expect({ planned: await tryMove(1), anew: await tryMove(2) }).toEqual({ planned: false, anew: true });
    await planner.close();
  });

  async function commitEmpty(from: number): Promise<void> {
    const outcome = await ledger.transaction(partition, async (transaction) => {
      const move = {
        from,
        to: from + 1,
        recordHash: Buffer.alloc(32),
        checkedRanges: 0,
        generation: 1,
        closedBefore: null,
      };
      const moved = await transaction.moveProgress(move);
      await moved?.addQuarantine([{ offset: from, index: -1, code: 'foreign_magic', bytes: 'AAEC' }]);
      await moved?.addCommit(commitRecord({ foreign: 1 }));
      return { commit: moved !== null, value: moved !== null };
    });
    expect(outcome).toEqual({ kind: 'committed', value: true });
  }
});

it('quarantined records are listed, newest first and no more than asked for', async () => {
  const all = await listQuarantine(controls, { rowsMax: 100, before: null });
  expect(all.map(({ offset }) => offset).sort()).toEqual([5, 9]);
  expect(await listQuarantine(controls, { rowsMax: 1, before: null })).toEqual([
    expect.objectContaining({
      shard,
      partition,
      offset: 9,
      index: -1,
      code: 'foreign_magic',
      bytes: 'AAEC',
      length: 3,
    }),
  ]);
});

it('U2: conflicts are listed with the event that counts, newest first and no more than asked for', async () => {
  const conflict = { organization: 'org_1', keyHash: 'ab'.repeat(16), day: noonDay, index: 0 };
  const first = { firstDay: noonDay, firstOffset: 0, firstIndex: 2, firstFingerprint: 'cd'.repeat(16) };
  for (const [from, fingerprint] of [
    [1, 'e1'],
    [2, 'e2'],
  ] as const) {
    await ledger.transaction(partition, async (transaction) => {
      const move = {
        from,
        to: from + 1,
        recordHash: Buffer.alloc(32),
        checkedRanges: 0,
        generation: 2,
        closedBefore: null,
      };
      const moved = await transaction.moveProgress(move);
      await moved?.addConflicts([
        { ...conflict, ...first, offset: from, fingerprint: fingerprint.repeat(16) },
      ]);
      await moved?.addCommit(commitRecord({ seen: 1, duplicate: 1, conflicts: 1 }));
      return { commit: moved !== null, value: moved !== null };
    });
  }
  expect((await listConflicts(controls, { rowsMax: 100, before: null })).map(({ offset }) => offset)).toEqual(
    [2, 1],
  );
  const day = new Date(noonMs).toISOString().slice(0, 10);
  expect(await listConflicts(controls, { rowsMax: 1, before: null })).toEqual([
    {
      ...conflict,
      ...first,
      ...{ shard, partition, offset: 2, fingerprint: 'e2'.repeat(16), day, firstDay: day },
      foundAtMs: expect.any(Number),
      cursor: expect.stringMatching(/^\d+\.\d+\.2\.2\.0$/),
    },
  ]);
});

it('lists go from page to page, each row once, whatever its size and whichever shard holds it', async () => {
  const insert = (of: number, rows: number, bytes: number) =>
    oneStatement(
      shards.superuserUrls[of] ?? '',
      `insert into quarantine (partition, generation, "offset", index, code, bytes, quarantined_at)
       select ${of}, 9, n, n % 2 - 1, 'paged', convert_to(repeat('x', ${bytes}), 'UTF8'),
         timestamptz '2027-01-01' + (n / 2) * interval '1 microsecond'
       from generate_series(1, ${rows}) n`,
    );
  await insert(0, 7, 10);
  await insert(2, 5, 700_000);
  const seen: string[] = [];
  for (let before: string | null = null, pages = 0; pages < 30; pages++) {
    const page: Awaited<ReturnType<typeof listQuarantine>> = await listQuarantine(controls, {
      rowsMax: 4,
      before,
    });
    expect(page.length).toBeLessThanOrEqual(4);
    if (page.length === 0) break;
    seen.push(...page.filter(({ code }) => code === 'paged').map((one) => `${one.partition}-${one.offset}`));
    before = page.at(-1)?.cursor ?? null;
  }
  const expected = [7, 6, 5, 4, 3, 2, 1].flatMap((n) => [`0-${n}`, ...(n <= 5 ? [`2-${n}`] : [])]);
  expect(seen.toSorted()).toEqual(expected.toSorted());
});

it('a quarantined record that is larger than an answer is listed by its first bytes, with its length', async () => {
  const length = 4 * 1024 * 1024;
  await oneStatement(
    shards.superuserUrls[shard] ?? '',
    `insert into quarantine (partition, generation, "offset", index, code, bytes, quarantined_at)
     values (${partition}, 9, 99, -1, 'large', convert_to(repeat('x', ${length}), 'UTF8'), '2028-01-01')`,
  );
  const [large] = await listQuarantine(controls, { rowsMax: 1, before: null });
  expect(large).toMatchObject({ code: 'large', length });
  expect(Buffer.from(large?.bytes ?? '', 'base64')).toEqual(Buffer.alloc(listedRecordBytesMax, 'x'));
});

it('an operator event is checked before anything is done', () => {
  expect(fromOperatorEvent({ verb: 'quarantine' })).toEqual({
    ...{ verb: 'quarantine', rows: 100, before: null },
  });
  const resume = { verb: 'resume', partition: 1, by: 'an operator', why: 'because' };
  expect(fromOperatorEvent(resume)).toEqual({ ...resume, action: { kind: 'retry' } });
  for (const event of [null, {}, { verb: 'drop' }, { ...resume, why: ' ' }, { ...resume, skip: 1 }]) {
    expect(() => fromOperatorEvent(event)).toThrow(/not an operator event/);
  }
});
