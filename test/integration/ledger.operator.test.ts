import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { fromOperatorEvent } from '../../functions/operator/from-operator-event.ts';
import { listConflicts } from '../../functions/operator/list-conflicts.ts';
import { listHalts } from '../../functions/operator/list-halts.ts';
import { listQuarantine } from '../../functions/operator/list-quarantine.ts';
import { resumePartition } from '../../functions/operator/resume-partition.ts';
import { verifyShard } from '../../functions/operator/verify-shard.ts';
import { oneStatement } from '../../localstack/servers/postgres-session.ts';
import type { LoggedHead } from '../../shared/ledger/chain-check.ts';
import { commitHash } from '../../shared/ledger/commit-hash.ts';
import { createShardControl } from '../../shared/ledger/postgres/shard-control.ts';
import { createShardLedger } from '../../shared/ledger/postgres/shard-ledger.ts';
import type { Decision, ShardControl } from '../../shared/ledger/shard-control.ts';
import type { ShardLedger } from '../../shared/ledger/shard-ledger.ts';
import { routeMapVersion } from '../../shared/log/routing.ts';
import {
  commitRecord,
  commitRows,
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
  shards = await freshShards({ topicId: 'topic-verify', partitions });
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

describe('verify', () => {
  it('U12: what was committed is found as it was, with the heads to compare with a log', async () => {
    const verdict = await verifyShard(control);
    expect(verdict).toMatchObject({ shard, commits, bad: [] });
    const [head] = await read(
      `select encode(hash, 'hex') as hash from commit_ledger where sequence = ${commits}`,
    );
    expect(verdict.heads).toContainEqual({ partition, sequence: commits, hash: head?.['hash'] });
  });

  beforeAll(async () => {
    await tamper('create table kept_ledger as select * from commit_ledger');
    await tamper('create table kept_events as select * from usage_events');
  });

  afterEach(async () => {
    await tamper('truncate commit_ledger; insert into commit_ledger select * from kept_ledger');
    await tamper('truncate usage_events; insert into usage_events select * from kept_events');
  });

  const event = `usage_events where "offset" = 2 and index = 1`;
  it.each([
    ['a changed count', 'update commit_ledger set seen = 4, inserted = 4 where sequence = 3', 3],
    ['a changed day digest', `update commit_ledger set days = '[]' where sequence = 2`, 2],
    ['a deleted row', 'delete from commit_ledger where sequence = 2', 3],
    ['a cut end', 'delete from commit_ledger where sequence = 5', 4],
    ['a ledger that is gone', 'delete from commit_ledger', null],
    [
      'swapped contents',
      'update commit_ledger a set committed_at = b.committed_at, write_statements = 9 from commit_ledger b where a.sequence = 2 and b.sequence = 4',
      2,
    ],
    ['a deleted event', `delete from ${event}`, 3],
    ['a changed quantity', 'update usage_events set quantity = 0.2 where "offset" = 2 and index = 1', 3],
    ['a changed organization', `update usage_events set organization_id = 'x' where "offset" = 2`, 3],
    ['swapped events', 'update usage_events set index = 3 - index where "offset" = 2', 3],
  ])('U12: %s is found, and the first bad commit is named', async (_what, sql, sequence) => {
    await tamper(sql);
    const { bad } = await verifyShard(control);
    expect(bad).toEqual([expect.objectContaining({ shard, partition, sequence })]);
  });
});

describe('verify with logged heads', () => {
  let heads: readonly LoggedHead[];

  beforeAll(async () => {
    heads = await ledger.heads();
    expect(heads).toEqual([{ partition, sequence: commits, hash: expect.stringMatching(/^[0-9a-f]{64}$/) }]);
  });

  afterEach(async () => {
    await tamper('truncate commit_ledger; insert into commit_ledger select * from kept_ledger');
    await tamper(`update partition_progress set next_offset = ${commits} where partition = ${partition}`);
  });

  /** What somebody with all rights would do: change a row, and every hash from there on. */
  async function recomputeFrom(sequence: number): Promise<void> {
    const rows = await control.commits({ partition, aboveSequence: sequence - 1, rowsMax: commits });
    let previous = rows[0]?.previousHash ?? Buffer.alloc(0);
    for (const row of rows) {
      const changed = { ...row, committedAtMs: row.committedAtMs + (row.sequence === sequence ? 1000 : 0) };
      const hash = commitHash(previous, changed);
      const bytes = (buffer: Buffer) => `'\\x${buffer.toString('hex')}'`;
      await tamper(`update commit_ledger set previous_hash = ${bytes(previous)}, hash = ${bytes(hash)},
        committed_at = to_timestamp(${changed.committedAtMs} / 1000.0) where sequence = ${row.sequence}`);
      previous = hash;
    }
  }

  it('U12: a whole chain agrees with what was logged of it', async () => {
    expect((await verifyShard(control, heads)).bad).toEqual([]);
  });

  it('U12: a chain that was recomputed after a change is whole, and differs from the log', async () => {
    await recomputeFrom(3);
    expect((await verifyShard(control)).bad).toEqual([]);
    expect((await verifyShard(control, heads)).bad).toMatchObject([{ shard, partition, sequence: commits }]);
  });

  it('U12: an end that was cut off together with progress is missed', async () => {
    await tamper(`delete from commit_ledger where sequence = ${commits}`);
    await tamper(`update partition_progress set next_offset = ${commits - 1} where partition = ${partition}`);
    expect((await verifyShard(control, heads)).bad).toMatchObject([
      { shard, partition, sequence: commits - 1 },
    ]);
  });
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
    await ledger.halt(partition, { code: 'log_truncated', reason: 'the log ends below next_offset' });
    const [halt] = await listHalts(controls);
    expect(halt).toMatchObject({ shard, partition, nextOffset: commits, halt: { code: 'log_truncated' } });
    const back: Decision = { ...retry, action: { kind: 'skip', offset: commits - 1 } };
    expect(await resumePartition(back, controls)).toBe('offset_below_next');
    expect(await resumePartition(retry, controls)).toBe('resumed');
    await commitEmpty(commits);
    await ledger.halt(partition, { code: 'offset_missing', reason: 'a hole' });
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
    await ledger.halt(partition, { code: 'other_topic', reason: 'the topic was made again' });
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
    // The topic of a restart is not among the two writes that every decision counts: its row and the progress.
    const counts = `select distinct write_statements from commit_ledger where source = 'decision'`;
    expect(await rowsOf(shards.operatorUrls[shard] ?? '', counts)).toEqual([{ write_statements: 2 }]);
    const rows = [usageRow({ offset: 0, idempotencyKey: 'of generation 2' })];
    expect((await commitRows(other, partition, { from: 0, to: 1, rows })).kind).toBe('committed');
    await other.close();
    expect((await verifyShard(control)).bad).toEqual([]);
    await tamper('delete from commit_ledger where generation = 2');
    expect((await verifyShard(control)).bad).toEqual([expect.objectContaining({ partition, sequence: 9 })]);
  });

  async function commitEmpty(from: number): Promise<void> {
    const outcome = await ledger.transaction(partition, async (transaction) => {
      const move = { from, to: from + 1, recordHash: Buffer.alloc(32), checkedRanges: 0 };
      const moved = await transaction.moveProgress(move);
      await moved?.addQuarantine([{ offset: from, index: -1, code: 'foreign_magic', bytes: 'AAEC' }]);
      await moved?.addCommit(commitRecord({ foreign: 1 }));
      return { commit: moved !== null, value: moved !== null };
    });
    expect(outcome).toEqual({ kind: 'committed', value: true });
  }
});

it('quarantined records are listed, newest first and no more than asked for', async () => {
  const all = await listQuarantine(controls, 100);
  expect(all.map(({ offset }) => offset).sort()).toEqual([5, 9]);
  expect(await listQuarantine(controls, 1)).toEqual([
    expect.objectContaining({ shard, partition, offset: 9, index: -1, code: 'foreign_magic', bytes: 'AAEC' }),
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
      const move = { from, to: from + 1, recordHash: Buffer.alloc(32), checkedRanges: 0 };
      const moved = await transaction.moveProgress(move);
      await moved?.addConflicts([
        { ...conflict, ...first, offset: from, fingerprint: fingerprint.repeat(16) },
      ]);
      await moved?.addCommit(commitRecord({ seen: 1, duplicate: 1, conflicts: 1 }));
      return { commit: moved !== null, value: moved !== null };
    });
  }
  expect((await listConflicts(controls, 100)).map(({ offset }) => offset)).toEqual([2, 1]);
  const day = new Date(noonMs).toISOString().slice(0, 10);
  expect(await listConflicts(controls, 1)).toEqual([
    {
      ...conflict,
      ...first,
      ...{ shard, partition, offset: 2, fingerprint: 'e2'.repeat(16), day, firstDay: day },
      foundAtMs: expect.any(Number),
    },
  ]);
});

it('an operator event is checked before anything is done', () => {
  expect(fromOperatorEvent({ verb: 'quarantine' })).toEqual({ verb: 'quarantine', rows: 100 });
  const resume = { verb: 'resume', partition: 1, by: 'an operator', why: 'because' };
  expect(fromOperatorEvent(resume)).toEqual({ ...resume, action: { kind: 'retry' } });
  for (const event of [null, {}, { verb: 'drop' }, { ...resume, why: ' ' }, { ...resume, skip: 1 }]) {
    expect(() => fromOperatorEvent(event)).toThrow(/not an operator event/);
  }
});
