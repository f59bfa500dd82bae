import { expect, it } from 'vitest';
import { type PassedShard, ShardPass } from '../../functions/flusher/flush-shard.ts';
import { LogHistory } from '../../functions/flusher/log-history.ts';
import { OdometerError } from '../../shared/errors.ts';
import { noCheckpoint } from '../../shared/ledger/checkpoint.ts';
import type { MovedRange, ShardLedger } from '../../shared/ledger/shard-ledger.ts';
import { slowRangeMs, tailGapAgeMs } from '../../shared/limits.ts';
import { later } from '../../shared/runtime/clock.ts';
import { type CommitCounts, noMetrics } from '../../shared/runtime/metrics.ts';
import { Stopwatch } from '../../shared/runtime/stopwatch.ts';
import { sealScope } from '../../shared/segments/segment.ts';
import { envelope, newerEnvelope, sealedEvent } from '../harness/builders/records.ts';
import { FakeClock } from '../harness/fakes/clock.ts';
import { FakeLog } from '../harness/fakes/log.ts';
import { FakeLogger } from '../harness/fakes/logger.ts';
import { FakeSegmentStore } from '../harness/fakes/segment-store.ts';

const partition = 0;
const seal = { scope: sealScope('topic', 1), key: Buffer.alloc(32, 1) };
const value = envelope([sealedEvent()]);

interface Options {
  readonly values: readonly Buffer[];
  readonly topicId?: string;
  readonly commitMs?: number;
  readonly refusal?: OdometerError;
}

/** A pass over a shard of one partition whose log is old enough to be read without Redis. */
function setup({ values, topicId = 'topic-1', commitMs = 0, refusal }: Options) {
  const clock = new FakeClock();
  const logger = new FakeLogger();
  const halts: unknown[] = [];
  const counts: CommitCounts[] = [];
  const observed: unknown[] = [];
  const nothing = async () => {};
  const moved: MovedRange = {
    findCounted: async () => [],
    loadDay: async ({ count }) => {
      if (refusal !== undefined) throw refusal;
      await clock.advance(commitMs);
      return { kind: 'loaded', count };
    },
    ...{ addRollups: nothing, addQuarantine: nothing, addConflicts: nothing, addCommit: nothing },
  };
  const row = { partition, generation: 1, nextOffset: 0, recordHash: null, halted: false, checkedRanges: 0 };
  const used: Partial<ShardLedger> = {
    topicId: async () => topicId,
    progress: async () => [row, { ...row, partition: 4, halted: true }],
    ensureDays: async () => new Set(),
    observe: async (seen) => void observed.push(...seen),
    halt: async (...said) => void halts.push(said),
    async transaction(_partition, work) {
      const { value: worked } = await work({ moveProgress: async () => moved });
      return { kind: 'committed', value: worked };
    },
  };
  const watch: PassedShard['watch'] = new Stopwatch(clock);
  const history = new LogHistory();
  history.note({
    partition,
    end: values.length,
    nextOffset: 0,
    atMs: later(clock.monotonic(), -tailGapAgeMs),
  });
  const shard: PassedShard = {
    // A pass uses no other method of a shard.
    ledger: used as ShardLedger,
    history,
    mayCommit: () => true,
    onCommit: (said) => void counts.push(said),
    watch,
  };
  const log = FakeLog.of({ values });
  const ports = { log, clock, logger, seal, segments: new FakeSegmentStore(), metrics: noMetrics };
  const pass = new ShardPass(shard, { ...ports, checkpoint: noCheckpoint });
  return { pass, watch, logger, halts, counts, observed };
}

it('a pass commits what the log holds, counts it, and writes down what it saw', async () => {
  const { pass, watch, counts, observed, logger } = setup({ values: [value, value], commitMs: 40 });
  expect(await pass.run()).toEqual({ commits: 1, backlog: false, waitingForCode: 0 });
  expect(counts).toMatchObject([{ committed: 2, duplicate: 0, quarantined: 0, records: 2 }]);
  expect(counts[0]?.bytes).toBeGreaterThan(200);
  expect(observed).toMatchObject([{ partition, logEnd: 2, completeThroughMs: expect.any(Number) }]);
  expect([watch.spentMs('committing'), watch.spentMs('pass')]).toEqual([40, 40]);
  expect(logger.lines.filter(({ level }) => level !== 'debug')).toEqual([]);
});

it('U7: another topic of the same name halts every partition that is not halted', async () => {
  const { pass, halts, counts } = setup({ values: [value], topicId: 'topic-2' });
  expect(await pass.run()).toMatchObject({ commits: 0 });
  expect(halts).toEqual([[partition, expect.objectContaining({ code: 'topic_replaced' })]]);
  expect(counts).toEqual([]);
});

it('a range that the shard refuses halts its partition and nothing else', async () => {
  const refusal = new OdometerError('shard_refused', '22003: too large', { retryable: false });
  const { pass, halts, observed } = setup({ values: [value], refusal });
  expect(await pass.run()).toMatchObject({ commits: 0 });
  expect(halts).toEqual([[partition, { code: 'shard_refused', reason: '22003: too large' }]]);
  expect(observed).toMatchObject([{ completeThroughMs: null }]);
});

it('a shard that does not answer ends the pass', async () => {
  const refusal = new OdometerError('shard_unavailable', 'down', { retryable: true });
  const { pass, halts, watch } = setup({ values: [value], refusal });
  await expect(pass.run()).rejects.toBe(refusal);
  expect(halts).toEqual([]);
  expect(watch.spentMs('pass')).toBe(0);
});

it('a record that needs newer code is waited for, behind what could be committed', async () => {
  const { pass } = setup({ values: [value, newerEnvelope()] });
  expect(await pass.run()).toEqual({ commits: 1, backlog: false, waitingForCode: 1 });
});

it('a slow range is warned of', async () => {
  const { pass, logger } = setup({ values: [value], commitMs: slowRangeMs + 1 });
  await pass.run();
  const warnings = logger.lines.filter(({ level }) => level === 'warn');
  expect(warnings).toMatchObject([{ message: 'slow range' }]);
});
