/** Consumer and flusher under a wall clock that is set. */
import { expect, it } from 'vitest';
import { storeSegments } from '../../../functions/consumer/store-segments.ts';
import { type PassedShard, ShardPass } from '../../../functions/flusher/flush-shard.ts';
import { LogHistory } from '../../../functions/flusher/log-history.ts';
import { ShardReport } from '../../../functions/flusher/report-shard.ts';
import { runPasses } from '../../../functions/flusher/run-passes.ts';
import { noCheckpoint } from '../../../shared/ledger/checkpoint.ts';
import type { MovedRange, ShardLedger } from '../../../shared/ledger/shard-ledger.ts';
import {
  flusherBudgetMs,
  logEndBehindMs,
  metricsPublishMs,
  tailGapAgeMs,
  transactionStartRemainingMs,
} from '../../../shared/limits.ts';
import { noMetrics } from '../../../shared/runtime/metrics.ts';
import { Stopwatch } from '../../../shared/runtime/stopwatch.ts';
import { envelope, records, sealedEvent } from '../../harness/builders/records.ts';
import type { FakeClock } from '../../harness/fakes/clock.ts';
import { FakeLog } from '../../harness/fakes/log.ts';
import { FakeLogger } from '../../harness/fakes/logger.ts';
import { FakeSegmentStore } from '../../harness/fakes/segment-store.ts';
import { describeRuns, hourMs, pass, type TimedRun, timeOf } from '../../harness/fakes/stepped-clock.ts';

const segmentKey = Buffer.alloc(32, 1);
const value = envelope([sealedEvent()]);

/** A shard of one partition, with a log that ends at `end`; answers how many ranges were committed and halts. */
function flusher(clock: FakeClock, { nextOffset, end }: { nextOffset: number; end: number }) {
  const done = { commits: 0, halts: 0 };
  const nothing = async () => {};
  const moved: MovedRange = {
    findCounted: async () => [],
    loadDay: async ({ count }) => ({ kind: 'loaded', count }),
    ...{
      keepSets: async () => [],
      addRollups: nothing,
      addQuarantine: nothing,
      addConflicts: nothing,
      addCommit: nothing,
    },
  };
  const used: Partial<ShardLedger> = {
    topicId: async () => 'topic-1',
    nowMs: async () => 0,
    progress: async () => [
      {
        partition: 0,
        generation: 1,
        nextOffset,
        recordHash: null,
        halted: false,
        checkedRanges: 0,
        closedBefore: null,
      },
    ],
    positions: async () => [],
    heads: async () => [],
    ensureDays: async () => new Set(),
    observe: nothing,
    halt: async () => {
      done.halts += 1;
    },
    async transaction(_partition, work) {
      const worked = await work({ moveProgress: async () => moved });
      return { kind: 'committed', value: worked.value };
    },
  };
  // Passes use no other method of a shard.
  const ledger = used as ShardLedger;
  const log = FakeLog.of({ values: Array.from({ length: end }, () => value) });
  const published: number[] = [];
  const metrics = { ...noMetrics, flushed: () => void published.push(clock.monotonic()) };
  const logger = new FakeLogger();
  const segments = new FakeSegmentStore();
  const ports = { log, clock, logger, segmentKey, segments, metrics, checkpoint: noCheckpoint };
  const history = new LogHistory();
  const watch: PassedShard['watch'] = new Stopwatch(clock);
  const shard = { ledger, history, mayCommit: () => true, onCommit: () => {}, watch };
  const flush = async () => {
    done.commits += (await new ShardPass(shard, ports).run()).commits;
  };
  return { done, flush, ledger, history, ports, published, logger };
}

const runs: readonly TimedRun[] = [
  [
    'store segments: the time of a batch',
    async ({ clock, step }) => {
      const segments = new FakeSegmentStore();
      segments.log = 'topic-1/1';
      const append = segments.append.bind(segments);
      segments.append = async (...stored) => {
        step();
        await clock.advance(30);
        return append(...stored);
      };
      const times: unknown[] = [];
      const metrics = {
        ...noMetrics,
        batchStored: ({ storeMs }: { storeMs: number }) => void times.push(storeMs),
      };
      const logger = new FakeLogger();
      const batch = { partition: 0, itemPartition: 'topic-0', records: records([value]) };
      await storeSegments([batch], segmentKey, { segments, clock, logger, metrics });
      return [times, logger.messages];
    },
    [[30], []],
  ],
  [
    'run passes: two a second until the budget ends, and figures every ten seconds',
    async ({ clock, step }) => {
      const { ledger, history, ports, published } = flusher(clock, { nextOffset: 0, end: 0 });
      const remainingMs = () => flusherBudgetMs + transactionStartRemainingMs;
      let report: unknown;
      void runPasses([ledger], history, remainingMs, ports).then(({ passes }) => {
        report = `${passes} passes in ${clock.monotonic()} ms`;
      });
      await pass(clock, 20_100, 100);
      step();
      await pass(clock, 50_000, 100);
      return [report, published];
    },
    ['110 passes in 55000 ms', [10_000, 20_000, 30_000, 40_000, 50_000, 55_000]],
  ],
  [
    'check log: a log that ends below what is committed halts its partition after a minute',
    async ({ clock, step }) => {
      const { flush, done } = flusher(clock, { nextOffset: 3, end: 1 });
      const halts: number[] = [];
      for (const waitMs of [0, 1000, logEndBehindMs - 1001, 1]) {
        await clock.advance(waitMs);
        await flush();
        halts.push(done.halts);
        if (waitMs === 0) step();
      }
      return halts;
    },
    [0, 0, 0, 1],
  ],
  [
    'log history: a record without a segment is read from the log when it is five seconds old',
    async ({ clock, step }) => {
      const { flush, done } = flusher(clock, { nextOffset: 0, end: 1 });
      const commits: number[] = [];
      for (const waitMs of [0, 500, tailGapAgeMs - 501, 1]) {
        await clock.advance(waitMs);
        await flush();
        commits.push(done.commits);
        if (waitMs === 0) step();
      }
      return commits;
    },
    [0, 0, 0, 1],
  ],
  [
    'report of a shard: once in ten seconds',
    async ({ clock, step }) => {
      const { ledger, ports, published } = flusher(clock, { nextOffset: 0, end: 0 });
      const report = new ShardReport(ledger, ports);
      for (const waitMs of [1000, metricsPublishMs - 1001, 1, 1]) {
        step();
        await clock.advance(waitMs);
        await report.publishIfDue();
      }
      return published;
    },
    [metricsPublishMs],
  ],
];

describeRuns(runs);

it("run passes: what is left of an invocation is a wall clock's figure, and what it gains is not believed", async () => {
  const { clock, step } = timeOf(-hourMs);
  const { ledger, history, ports } = flusher(clock, { nextOffset: 0, end: 0 });
  // As Lambda's runtime reckons it.
  const endsAtMs = clock.now() + transactionStartRemainingMs + 5000;
  let endedMs: number | undefined;
  void runPasses([ledger], history, () => endsAtMs - clock.now(), ports).then(() => {
    endedMs = clock.monotonic();
  });
  await pass(clock, 1000);
  step();
  await pass(clock, 10_000);
  expect(endedMs).toBe(5000);
});
