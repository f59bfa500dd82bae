import { expect, it } from 'vitest';
import { type PassedShard, ShardPass } from '../../functions/flusher/flush-shard.ts';
import { LogHistory } from '../../functions/flusher/log-history.ts';
import { OdometerError } from '../../shared/errors.ts';
import { noCheckpoint } from '../../shared/ledger/checkpoint.ts';
import type { MovedRange, ShardLedger } from '../../shared/ledger/shard-ledger.ts';
import {
  commitEventsMax,
  partitionTurnMs,
  rangeFailureGapMs,
  rangeFailuresMax,
  tailGapAgeMs,
} from '../../shared/limits.ts';
import { later } from '../../shared/runtime/clock.ts';
import { noMetrics } from '../../shared/runtime/metrics.ts';
import { Stopwatch } from '../../shared/runtime/stopwatch.ts';
import { envelope, sealedEvent } from '../harness/builders/records.ts';
import { FakeClock } from '../harness/fakes/clock.ts';
import { FakeLog } from '../harness/fakes/log.ts';
import { FakeLogger } from '../harness/fakes/logger.ts';
import { FakeSegmentStore } from '../harness/fakes/segment-store.ts';

const partitions = [0, 4, 8];
const segmentKey = Buffer.alloc(32, 1);
const unavailable = new OdometerError('shard_unavailable', 'a lock', { retryable: true });
const suspect = (name: string) => {
  const suspicion = { name, underLoad: name.startsWith('5') };
  return new OdometerError('shard_unavailable', `${name}: no`, { retryable: true, suspicion });
};

/** A shard of three partitions with one record each, on which transactions of some fail. */
async function setup(failures: Readonly<Record<number, () => unknown>>) {
  const clock = new FakeClock();
  const log = new FakeLog();
  const history = new LogHistory();
  const next = new Map(partitions.map((partition) => [partition, 0]));
  const hashes = new Map<number, Buffer>();
  const tried: number[] = [];
  const halts: unknown[] = [];
  const observed: number[] = [];
  const down: { shard: boolean; halts: Error | null } = { shard: false, halts: null };
  for (const partition of partitions) {
    await log.append([{ partition, value: envelope([sealedEvent()], { partition }) }]);
    const atMs = later(clock.monotonic(), -tailGapAgeMs);
    const look = { end: 1, atMs, stampMs: clock.now() - tailGapAgeMs };
    history.of({ partition, generation: 1 }).note(look, 0);
  }
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
    shard: 0,
    topicId: () => log.topicId(),
    progress: async () =>
      partitions.map((partition) => ({
        ...{ partition, generation: 1, halted: false, checkedRanges: 0, closedBefore: null },
        ...{ nextOffset: next.get(partition) ?? 0, recordHash: hashes.get(partition) ?? null },
      })),
    ensureDays: async () => new Set(),
    observe: async (seen) => {
      if (down.shard) throw unavailable;
      observed.push(...seen.map(({ partition }) => partition));
    },
    halt: async ({ partition }, why) => {
      if (down.halts !== null) throw down.halts;
      halts.push([partition, why]);
    },
    async transaction(partition, work) {
      tried.push(partition);
      const error = failures[partition]?.();
      if (error !== undefined) throw error;
      const { value } = await work({
        moveProgress: async ({ to, recordHash }) => {
          next.set(partition, to);
          hashes.set(partition, recordHash);
          return moved;
        },
      });
      return { kind: 'committed', value };
    },
  };
  // A pass uses no other method of a shard.
  const ledger = used as ShardLedger;
  const shard: PassedShard = {
    ...{ ledger, history, mayCommit: () => true, onCommit: () => {} },
    watch: new Stopwatch(clock),
  };
  const ports = { log, clock, logger: new FakeLogger(), segmentKey, segments: new FakeSegmentStore() };
  const pass = () => new ShardPass(shard, { ...ports, metrics: noMetrics, checkpoint: noCheckpoint }).run();
  return { pass, clock, log, next, tried, halts, observed, down };
}

it.each([
  ['a transient failure', () => unavailable],
  ['a failure that may be the range’s own', () => suspect('53200')],
  ['a bug', () => new TypeError('of ours')],
  ['a refusal', () => new OdometerError('shard_refused', '22003: no', { retryable: false })],
])('U9: %s of one partition keeps no other of its shard from being committed', async (_what, error) => {
  const { pass, next, observed } = await setup({ 0: error });
  expect(await pass()).toMatchObject({ commits: 2 });
  expect([...next]).toEqual([
    [0, 0],
    [4, 1],
    [8, 1],
  ]);
  expect(observed.toSorted((a, b) => a - b)).toEqual(partitions);
});

it('U9: a shard that leads elsewhere stops with all its partitions', async () => {
  const wrong = new OdometerError('wrong_shard', 'another', { retryable: false });
  const { pass, halts } = await setup({ 0: () => wrong });
  await expect(pass()).rejects.toBe(wrong);
  expect(halts).toEqual([]);
});

it('U9: each pass begins with another partition', async () => {
  const { pass, tried } = await setup(Object.fromEntries(partitions.map((one) => [one, () => unavailable])));
  for (let passes = 0; passes < 3; passes++) await pass();
  const firsts = tried.filter((_partition, i) => i % 3 === 0);
  expect(firsts.toSorted((a, b) => a - b)).toEqual(partitions);
});

it('a range that fails five times while its shard works halts its partition, and rests in between', async () => {
  const { pass, clock, tried, halts } = await setup({ 0: () => suspect('XX000') });
  for (let seconds = 0; seconds <= 39; seconds++) {
    await pass();
    await clock.advance(1000);
  }
  expect([tried.filter((partition) => partition === 0).length, halts]).toEqual([rangeFailuresMax - 1, []]);
  await clock.advance(1000);
  await pass();
  const reason = 'failed 5 times while the shard did other work: XX000: no';
  expect(halts).toEqual([[0, { code: 'range_failing', reason }]]);
});

/** Passes so far apart that each failure counts; before each, one record more in these partitions. */
async function manyPasses({ pass, clock, log }: Awaited<ReturnType<typeof setup>>, busy: readonly number[]) {
  for (let times = 0; times < 2 * rangeFailuresMax; times++) {
    for (const partition of busy)
      await log.append([
        { partition, value: envelope([sealedEvent({ idempotencyKey: `t${times}` })], { partition }) },
      ]);
    // Two looks, so that the tail is old.
    await pass();
    await clock.advance(rangeFailureGapMs);
  }
}

it.each([
  ['a range that times out while other ranges are committed', { 0: () => suspect('57014') }, [4, 8], [0]],
  ['a range that times out while the shard has no other work', { 0: () => suspect('57014') }, [], []],
  ['a shard on which all loads time out', all(() => suspect('57014')), [0, 4, 8], []],
  ['a shard on which all loads break', all(() => suspect('XX000')), [0, 4, 8], []],
] as const)('U9: of %s, those halt that are to blame', async (_what, failures, busy, expected) => {
  const found = await setup(failures);
  await manyPasses(found, busy);
  const halted = found.halts.map((said) => (Array.isArray(said) ? said[0] : said));
  expect([...new Set(halted)]).toEqual(expected);
});

function all(failure: () => unknown): Readonly<Record<number, () => unknown>> {
  return Object.fromEntries(partitions.map((partition) => [partition, failure]));
}

it('failures of a shard that does no other work halt nothing, and other failures begin anew', async () => {
  const states = ['XX000', '25P02'];
  // What is noted in the first pass, in which the other partitions are committed, is of the other state.
  let said = 1;
  const { pass, clock, halts, down } = await setup({ 0: () => suspect(states[said] ?? '') });
  down.shard = true;
  await pass();
  said = 0;
  for (let times = 0; times < 2 * rangeFailuresMax; times++) {
    await pass();
    await clock.advance(rangeFailureGapMs);
  }
  down.shard = false;
  for (said = 0; said < states.length; said++) {
    for (let times = 1; times < rangeFailuresMax; times++) {
      await pass();
      await clock.advance(rangeFailureGapMs);
    }
  }
  expect(halts).toEqual([]);
});

const refusal = new OdometerError('shard_refused', '22003: no', { retryable: false });
it.each([
  ['refused', refusal],
  ['broken by a bug', new TypeError('of ours')],
])('U9: a halt that is %s keeps no other partition from being committed', async (_what, error) => {
  const { pass, next, down, observed } = await setup({ 0: () => refusal });
  down.halts = error;
  expect(await pass()).toMatchObject({ commits: 2 });
  expect([...next.values()]).toEqual([0, 1, 1]);
  expect(observed).toHaveLength(partitions.length);
});

it('U9: a halt on a shard that leads elsewhere stops it', async () => {
  const { pass, down } = await setup({ 0: () => refusal });
  down.halts = new OdometerError('wrong_shard', 'another', { retryable: false });
  await expect(pass()).rejects.toBe(down.halts);
});

it('U9: a partition that is far behind commits for its turn only, and then the next ones', async () => {
  const { pass, clock, log, next, tried } = await setup({ 0: () => void clock.advance(partitionTurnMs) });
  const value = envelope(
    Array.from({ length: commitEventsMax / 20 }, (_, i) => sealedEvent({ idempotencyKey: `k${i}` })),
  );
  for (let i = 0; i < 100; i++) await log.append([{ partition: 0, value }]);
  await clock.advance(tailGapAgeMs);
  await pass();
  await clock.advance(tailGapAgeMs);
  tried.length = 0;
  await pass();
  expect(tried.filter((partition) => partition === 0)).toHaveLength(1);
  expect([next.get(4), next.get(8)]).toEqual([1, 1]);
});

it('a transient failure never halts, however often it comes', async () => {
  const { pass, clock, halts, tried } = await setup({ 0: () => unavailable });
  for (let times = 0; times < 20; times++) {
    await pass();
    await clock.advance(rangeFailureGapMs);
  }
  expect([tried.filter((partition) => partition === 0).length, halts]).toEqual([20, []]);
});

it.each([
  ['without a leader', new OdometerError('log_unavailable', 'no leader', { retryable: true })],
  ['that breaks an invariant', new OdometerError('invariant_broken', 'an offset', { retryable: false })],
])('U9: a last record %s keeps no other partition waiting', async (_what, error) => {
  const { pass, clock, log, next } = await setup({});
  await pass();
  for (const partition of partitions) {
    await log.append([{ partition, value: envelope([sealedEvent()], { partition }) }]);
  }
  const read = log.read.bind(log);
  log.read = (reads) =>
    reads.some(({ partition }) => partition === 4) ? Promise.reject(error) : read(reads);
  await pass();
  await clock.advance(tailGapAgeMs);
  await pass();
  expect([...next.values()]).toEqual([2, 1, 2]);
});
