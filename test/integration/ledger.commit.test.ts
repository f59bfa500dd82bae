import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createShardLedger } from '../../shared/ledger/postgres/shard-ledger.ts';
import { createSummaryReader } from '../../shared/ledger/postgres/summary-reader.ts';
import type { MovedRange, ShardLedger } from '../../shared/ledger/shard-ledger.ts';
import { routeMapVersion } from '../../shared/log/routing.ts';
import type { CopyRow } from '../../shared/log/row-tuple.ts';
import {
  commitRecord,
  commitRows,
  dayRows,
  haltNow,
  homeOf,
  noonDay,
  partitions,
  usageRow,
  writeRange,
} from '../harness/builders/ledger.ts';
import { type FreshShards, freshShards } from '../harness/pipeline/isolation.ts';

const { partition, shard } = homeOf('org_1');
const recordHash = Buffer.alloc(32, 9);
const firstMove = { from: 0, to: 1, recordHash, checkedRanges: 0, generation: 1, closedBefore: null };
let shards: FreshShards;
let ledger: ShardLedger;
let second: ShardLedger;
/** Where the shared partition ends: read anew before each test, so that none depends on what another left. */
let next: number;

function open(): ShardLedger {
  return createShardLedger({ url: shards.writerUrls[shard] ?? '', shard, mapVersion: routeMapVersion });
}

/** Rows with keys of their own, at the next offset of the shared partition. */
function rowsAt(offset: number, quantities: readonly string[], fields: Partial<CopyRow> = {}): CopyRow[] {
  return quantities.map((quantity, index) =>
    usageRow({ offset, index, quantity, idempotencyKey: `${offset}-${index}`, ...fields }),
  );
}

/** A transaction in which the shared partition's progress has moved by one offset. */
function inMovedRange<T>(
  work: (moved: MovedRange) => Promise<{ readonly commit: boolean; readonly value: T }>,
  checkedRanges = 0,
) {
  return ledger.transaction(partition, async (transaction) => {
    const moved = await transaction.moveProgress({
      generation: 1,
      from: next,
      to: next + 1,
      recordHash,
      checkedRanges,
      closedBefore: null,
    });
    if (moved === null) throw new Error('nobody else moves this partition');
    return work(moved);
  });
}

async function commitNext(rows: (offset: number) => CopyRow[]): Promise<void> {
  const outcome = await commitRows(ledger, partition, { from: next, to: next + 1, rows: rows(next) });
  expect(outcome).toEqual({ kind: 'committed', value: true });
  next += 1;
}

beforeAll(async () => {
  shards = await freshShards({ topicId: 'topic-commit', partitions });
  ledger = open();
  second = open();
});

beforeEach(async () => {
  next = await ledger.nextOffset(partition);
});

afterAll(async () => {
  await Promise.all([ledger.close(), second.close()]);
  await shards.drop();
});

describe('progress', () => {
  it('U3: a compare-and-set moves once, and a stale writer changes nothing', async () => {
    await commitNext((offset) => rowsAt(offset, ['1']));
    const stale = await commitRows(second, partition, { from: next - 1, to: next, rows: rowsAt(99, ['5']) });
    expect(stale).toEqual({ kind: 'rolled-back', value: false });
    const [row] = (await second.progress()).filter((one) => one.partition === partition);
    expect(row).toMatchObject({ nextOffset: next, halted: false, recordHash: Buffer.alloc(32, next) });
  });

  it('U3: of two writers at once one moves, the other is refused when the first commits', async () => {
    const move = (one: ShardLedger, key: string) =>
      one.transaction(partition, async (transaction) => {
        const rows = [usageRow({ offset: next, idempotencyKey: key })];
        const value = await writeRange(transaction, { from: next, to: next + 1, rows });
        return { commit: value, value };
      });
    const outcomes = await Promise.all([move(ledger, 'race-a'), move(second, 'race-b')]);
    expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['committed', 'rolled-back']);
  });

  it('U9: a partition of another shard is an error, not a fence', async () => {
    const foreign = (partition + 1) % partitions;
    const work = ledger.transaction(foreign, async (transaction) => ({
      commit: true,
      value: (await transaction.moveProgress(firstMove)) !== null,
    }));
    await expect(work).rejects.toMatchObject({ code: 'invariant_broken' });
  });

  it('U7: a halted partition refuses to move and keeps the first reason', async () => {
    const halted = partition < 4 ? partition + 4 : partition - 4;
    await haltNow(ledger, halted, { code: 'log_truncated', reason: 'first' });
    await haltNow(ledger, halted, { code: 'other', reason: 'second' });
    const outcome = await ledger.transaction(halted, async (transaction) => ({
      commit: true,
      value: (await transaction.moveProgress(firstMove)) !== null,
    }));
    expect(outcome.value).toBe(false);
    const found = await shards.query(
      shard,
      `select halt_code, halt_reason, next_offset::int from partition_progress where partition = ${halted}`,
    );
    expect(found).toEqual([{ halt_code: 'log_truncated', halt_reason: 'first', next_offset: 0 }]);
  });
});

describe('rows', () => {
  it('U2: COPY reports a counted key, and a rollback leaves nothing of the range', async () => {
    const rows = rowsAt(next, ['1', '2', '3']);
    await commitNext(() => rows);
    const again = [usageRow({ offset: next, idempotencyKey: 'new' }), ...rows];
    const outcome = await commitRows(ledger, partition, { from: next, to: next + 1, rows: again });
    expect(outcome).toEqual({ kind: 'rolled-back', value: false });
    expect(await ledger.nextOffset(partition)).toBe(next);
    const found = await shards.query(shard, `select 1 from usage_events where "offset" = ${next}`);
    expect(found).toEqual([]);
  });

  it('U2: counted keys are found on their day and on no other', async () => {
    const [row] = rowsAt(next, ['7']);
    await commitNext((offset) => rowsAt(offset, ['7']));
    const keyHashes = [row?.keyHash ?? '', 'f'.repeat(32)];
    const outcome = await inMovedRange(async (moved) => ({
      commit: false,
      value: await moved.findCounted([
        { day: noonDay, keyHashes },
        { day: noonDay - 1, keyHashes },
      ]),
    }));
    const { keyHash, fingerprint, eventTimeMs, undated } = row ?? usageRow();
    expect(outcome.value).toEqual([
      { keyHash, fingerprint, eventTimeMs, undated, day: noonDay, offset: next - 1, index: 0 },
    ]);
  });

  it('U5: the count is the server’s own, of a load larger than any buffer', async () => {
    const rows = rowsAt(
      next,
      Array.from({ length: 20_000 }, () => '1'),
    );
    const outcome = await inMovedRange(async (moved) => {
      const value = await moved.loadDay(dayRows(rows));
      return { commit: false, value };
    });
    expect(outcome.value).toEqual({ kind: 'loaded', count: 20_000 });
  });

  it('U13: quantities of 20+18 digits are kept, and sums grow beyond them', async () => {
    const quantity = '99999999999999999999.999999999999999999';
    const organization = 'org_1';
    const metric = 'exact';
    await commitNext((offset) => rowsAt(offset, [quantity, quantity, '-0.000000000000000001'], { metric }));
    await commitNext((offset) => rowsAt(offset, [quantity], { metric }));
    const reader = createSummaryReader({ urls: shards.readerUrls, partitions });
    const summary = await reader.summarize({ organization, startDay: noonDay, endDay: noonDay });
    await reader.close();
    const total = summary.metrics.find((one) => one.metric === metric);
    expect(total).toEqual({
      metric,
      totalQuantity: '299999999999999999999.999999999999999996',
      eventCount: 4,
    });
  });

  it('U13: what no ingest would accept is refused as a bug, not retried', async () => {
    const work = commitRows(ledger, partition, {
      from: next,
      to: next + 1,
      rows: rowsAt(next, ['100000000000000000000']),
    });
    await expect(work).rejects.toMatchObject({ code: 'shard_refused', retryable: false });
  });
});

describe('beside the rows', () => {
  it('quarantine and conflicts keep what they were given', async () => {
    const conflict = {
      organization: 'org_1',
      keyHash: 'a'.repeat(32),
      day: noonDay,
      fingerprint: 'b'.repeat(32),
      offset: next,
      index: 1,
      firstDay: noonDay,
      firstOffset: 0,
      firstIndex: 0,
      firstFingerprint: 'c'.repeat(32),
    };
    const bytes = Buffer.from('poison');
    const refusal = { offset: next, index: -1, code: 'foreign_magic', bytes: bytes.toString('base64') };
    const outcome = await inMovedRange(async (moved) => {
      await moved.addQuarantine([refusal]);
      await moved.addConflicts([conflict]);
      const counts = { seen: 1, duplicate: 1, foreign: 1 };
      await moved.addCommit(commitRecord(counts));
      return { commit: true, value: null };
    }, 3);
    expect(outcome.kind).toBe('committed');
    expect(await shards.query(shard, 'select code, bytes, index from quarantine')).toEqual([
      { code: 'foreign_magic', bytes, index: -1 },
    ]);
    expect(
      await shards.query(shard, 'select organization_id, first_index from usage_conflicts'),
    ).toHaveLength(1);
    const written = `select write_statements from commit_ledger where partition = ${partition} and to_offset = ${next + 1}`;
    expect(await shards.query(shard, written)).toEqual([{ write_statements: 4 }]);
    expect((await ledger.progress()).find((one) => one.partition === partition)?.checkedRanges).toBe(3);
  });

  it('U5: the ledger refuses a row whose counts do not add up', async () => {
    const work = inMovedRange(async (moved) => {
      await moved.addCommit(commitRecord({ seen: 2, inserted: 1 }));
      return { commit: true, value: undefined };
    });
    await expect(work).rejects.toMatchObject({ code: 'shard_refused' });
  });

  it('U12: the chain is what its documentation says, recomputed without our code', async () => {
    // Three, so that a chain that went on from its first row would show.
    for (let commit = 0; commit < 3; commit++) await commitNext((offset) => rowsAt(offset, ['1', '2']));
    const rows = await shards.query(
      shard,
      `select *, (extract(epoch from committed_at) * 1000)::int8 as at from commit_ledger
       where partition = ${partition} order by sequence`,
    );
    expect(rows.length).toBe(next);
    let previous = Buffer.alloc(32);
    for (const row of rows) {
      expect(row['previous_hash']).toEqual(previous);
      previous = createHash('sha256').update(previous).update(documentedText(row)).digest();
      expect(row['hash']).toEqual(previous);
    }
  });

  it('observations are kept, an older one replaces none, and what was complete stays so', async () => {
    const at = Date.now();
    const seen = {
      partition,
      generation: 1,
      logEnd: next + 5,
      observedAtMs: at,
      completeThroughMs: at - 100,
    };
    await ledger.observe([seen, { ...seen, partition: (partition + 4) % 8, completeThroughMs: null }]);
    await second.observe([{ ...seen, logEnd: 0, observedAtMs: at - 1000, completeThroughMs: at - 1100 }]);
    const reader = createSummaryReader({ urls: shards.readerUrls, partitions });
    const { freshness } = await reader.summarize({ organization: 'org_1', startDay: 0, endDay: 0 });
    expect(freshness).toEqual({
      ...{ observedAtMs: at, completeThroughMs: at - 100 },
      ...{ inFlight: null, complete: false },
    });
    // But what was complete stays so, whoever saw it: a slower observer, or the one before whom it was committed.
    const throughOf = async () =>
      (await reader.summarize({ organization: 'org_1', startDay: 0, endDay: 0 })).freshness.completeThroughMs;
    await second.observe([{ ...seen, logEnd: 0, observedAtMs: at - 1000, completeThroughMs: at - 50 }]);
    expect(await throughOf()).toBe(at - 50);
    await ledger.observe([{ ...seen, logEnd: next, observedAtMs: at + 1, completeThroughMs: at - 50 }]);
    expect(await throughOf()).toBe(at + 1);
    await second.observe([{ ...seen, logEnd: null, observedAtMs: at + 2, completeThroughMs: null }]);
    expect(await throughOf()).toBe(at + 1);
    await reader.close();
  });
});

function documentedText(row: Record<string, unknown>): string {
  const integers = (...names: string[]) => names.map((name) => Number(row[name]));
  const days = row['days'];
  if (!Array.isArray(days)) throw new Error('days is a list');
  return JSON.stringify([
    'odometer-commit-2',
    ...integers('partition', 'sequence', 'generation', 'from_offset', 'to_offset', 'seen', 'inserted'),
    ...integers('duplicate', 'quarantined', 'foreign_records', 'write_statements', 'segment_version'),
    ...integers('map_version'),
    row['source'],
    days.map((one: Record<string, unknown>) => [one['day'], one['count'], one['digest'], one['sums']]),
    row['decided_by'],
    row['decided_why'],
    Number(row['at']),
  ]);
}
