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
import { envelope, newerEnvelope, sealedEvent } from '../harness/builders/records.ts';
import { FakeClock, testNowMs } from '../harness/fakes/clock.ts';
import { FakeLog } from '../harness/fakes/log.ts';
import { FakeLogger } from '../harness/fakes/logger.ts';
import { FakeSegmentStore } from '../harness/fakes/segment-store.ts';

const partition = 0;
const segmentKey = Buffer.alloc(32, 1);
const value = envelope([sealedEvent()]);

interface Options {
  readonly values: readonly Buffer[];
  readonly topicId?: string;
  readonly commitMs?: number;
  readonly refusal?: OdometerError;
  readonly nextOffset?: number;
  readonly observes?: boolean;
}

/** A pass over a shard of one partition whose log is old enough to be read without Redis. */
function setup({ values, refusal, ...options }: Options) {
  const { topicId = 'topic-1', commitMs = 0, nextOffset = 0, observes = true } = options;
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
    ...{
      keepSets: async () => [],
      addRollups: nothing,
      addQuarantine: nothing,
      addConflicts: nothing,
      addCommit: nothing,
    },
  };
  const row = {
    partition,
    generation: 1,
    nextOffset,
    recordHash: null,
    halted: false,
    checkedRanges: 0,
    closedBefore: null,
  };
  const used: Partial<ShardLedger> = {
    topicId: async () => topicId,
    progress: async () => [row, { ...row, partition: 4, halted: true }],
    ensureDays: async () => new Set(),
    observe: async (seen) => {
      if (!observes) throw new OdometerError('shard_unavailable', 'down', { retryable: true });
      observed.push(...seen);
    },
    halt: async (...said) => void halts.push(said),
    async transaction(_partition, work) {
      const { value: worked } = await work({ moveProgress: async () => moved });
      return { kind: 'committed', value: worked };
    },
  };
  const watch: PassedShard['watch'] = new Stopwatch(clock);
  const history = new LogHistory();
  const atMs = later(clock.monotonic(), -tailGapAgeMs);
  history.of(row).note({ end: values.length, atMs, stampMs: clock.now() - tailGapAgeMs }, 0);
  const shard: PassedShard = {
    // A pass uses no other method of a shard.
    ledger: used as ShardLedger,
    history,
    mayCommit: () => true,
    onCommit: (said) => void counts.push(said),
    watch,
  };
  const log = FakeLog.of({ values });
  const ports = { log, clock, logger, segmentKey, segments: new FakeSegmentStore(), metrics: noMetrics };
  const pass = new ShardPass(shard, { ...ports, checkpoint: noCheckpoint });
  return { pass, watch, logger, halts, counts, observed };
}

it('a pass commits what the log holds, counts it, and writes down what it saw', async () => {
  const { pass, watch, counts, observed, logger } = setup({ values: [value, value], commitMs: 40 });
  expect(await pass.run()).toEqual({ commits: 1, backlog: false, waitingForCode: 0 });
  expect(counts).toMatchObject([{ committed: 2, duplicate: 0, quarantined: 0, records: 2 }]);
  expect(counts[0]?.bytes).toBeGreaterThan(200);
  expect(observed).toEqual([
    { partition, generation: 1, observedAtMs: testNowMs, logEnd: 2, completeThroughMs: testNowMs },
    // A halted partition is observed too, but the end of its log says nothing.
    { partition: 4, generation: 1, observedAtMs: testNowMs, logEnd: null, completeThroughMs: null },
  ]);
  expect([watch.spentMs('committing'), watch.spentMs('pass')]).toEqual([40, 40]);
  expect(logger.lines.filter(({ level }) => level !== 'debug')).toEqual([]);
});

it('U7: another topic of the same name halts every partition that is not halted', async () => {
  const { pass, halts, counts } = setup({ values: [value], topicId: 'topic-2' });
  expect(await pass.run()).toMatchObject({ commits: 0 });
  expect(halts).toEqual([
    [
      expect.objectContaining({ partition, generation: 1 }),
      expect.objectContaining({ code: 'topic_replaced' }),
    ],
  ]);
  expect(counts).toEqual([]);
});

it('a range that the shard refuses halts its partition and nothing else', async () => {
  const refusal = new OdometerError('shard_refused', '22003: too large', { retryable: false });
  const { pass, halts, observed } = setup({ values: [value], refusal });
  expect(await pass.run()).toMatchObject({ commits: 0 });
  expect(halts).toEqual([
    [
      expect.objectContaining({ partition, nextOffset: 0 }),
      { code: 'shard_refused', reason: '22003: too large' },
    ],
  ]);
  expect(observed).toMatchObject([{ logEnd: 1, completeThroughMs: null }, { logEnd: null }]);
});

it('a partition whose log is not what its progress says is observed, and the end of its log says nothing', async () => {
  const { pass, observed } = setup({ values: [value], nextOffset: 5 });
  expect(await pass.run()).toMatchObject({ commits: 0 });
  expect(observed).toMatchObject([
    { partition, observedAtMs: testNowMs, logEnd: null, completeThroughMs: null },
    { partition: 4 },
  ]);
});

it('a pass that fails has observed what it saw, and an observation that fails hides nothing', async () => {
  const refusal = new OdometerError('wrong_shard', 'another shard', { retryable: false });
  const failing = setup({ values: [value], refusal });
  await expect(failing.pass.run()).rejects.toBe(refusal);
  expect(failing.observed).toMatchObject([
    { partition, logEnd: 1, completeThroughMs: null },
    { partition: 4 },
  ]);
  const silent = setup({ values: [value], refusal, observes: false });
  await expect(silent.pass.run()).rejects.toBe(refusal);
  expect(silent.logger.messages).toContain('not observed');
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
