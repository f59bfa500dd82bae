/** The flusher's gauges are moved by a known amount on real Kafka, Redis and Postgres, each on its own shard. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LogHistory } from '../../functions/flusher/log-history.ts';
import { runPasses } from '../../functions/flusher/run-passes.ts';
import { oneStatement } from '../../localstack/servers/postgres-session.ts';
import { noCheckpoint } from '../../shared/ledger/checkpoint.ts';
import { createShardLedger } from '../../shared/ledger/postgres/shard-ledger.ts';
import type { ShardLedger } from '../../shared/ledger/shard-ledger.ts';
import { tailGapAgeMs, transactionStartRemainingMs } from '../../shared/limits.ts';
import { routeMapVersion } from '../../shared/log/routing.ts';
import { later } from '../../shared/runtime/clock.ts';
import { type Metrics, noMetrics, type ShardStanding } from '../../shared/runtime/metrics.ts';
import { systemClock } from '../../shared/runtime/process/system-clock.ts';
import { commitRecord } from '../harness/builders/ledger.ts';
import { newerEnvelope } from '../harness/builders/records.ts';
import { openPipeline, type Pipeline } from '../harness/pipeline/pipeline.ts';

/** Long enough for passes that do nothing, short enough to report once, at the end. */
const invocationMs = 1500;
const shards = [0, 1, 2, 3];
const well: ShardStanding = {
  halted: 0,
  waitingForCode: 0,
  lagRecords: 0,
  oldestInFlightMs: 0,
  ledgerLogDifference: 0,
};

let pipeline: Pipeline;
let ledgers: readonly ShardLedger[];
const history = new LogHistory();
let skewMs = 0;

beforeAll(async () => {
  pipeline = await openPipeline();
  const { shards: databases, logger } = pipeline;
  ledgers = databases.writerUrls.map((url, shard) =>
    createShardLedger({ url, shard, mapVersion: routeMapVersion, logger }),
  );
});
afterAll(async () => {
  await Promise.all(ledgers.map((ledger) => ledger.close()));
  await pipeline.close();
});

/** One invocation; the standings it reported, in shard order. */
async function invoke(): Promise<readonly (ShardStanding | null)[]> {
  const reported: [number, ShardStanding | null][] = [];
  const metrics: Metrics = {
    ...noMetrics,
    flushed: (shard, _counts, standing) => void reported.push([shard, standing]),
  };
  const { log, segments, segmentKey, logger } = pipeline;
  const clock = { ...systemClock, monotonic: () => later(systemClock.monotonic(), skewMs) };
  const endMs = Date.now() + transactionStartRemainingMs + invocationMs;
  const ports = { log, segments, segmentKey, logger, clock, checkpoint: noCheckpoint, metrics };
  await runPasses(ledgers, history, () => endMs - Date.now(), ports);
  expect(reported.map(([shard]) => shard).sort()).toEqual(shards);
  return reported.sort(([a], [b]) => a - b).map(([, standing]) => standing);
}

it('a quiet shard reports its gauges in every invocation', async () => {
  expect(await invoke()).toEqual([well, well, well, well]);
});

it('LedgerLogDifference: four offsets that progress counts, and neither ledger nor log', async () => {
  const by = async (records: number): Promise<void> => {
    const move = `update partition_progress set next_offset = next_offset + ${records}, first_offset = 0`;
    await oneStatement(pipeline.shards.superuserUrls[1] ?? '', `${move} where partition = 5`);
  };
  await by(4);
  expect(await invoke()).toEqual([well, { ...well, ledgerLogDifference: 8 }, well, well]);
  await by(-4);
  expect(await invoke()).toEqual([well, well, well, well]);
});

it('PartitionsWaiting: the partition before a newer envelope, until newer code has committed it', async () => {
  const partition = 2;
  const newer = newerEnvelope(partition);
  await pipeline.append(partition, [newer]);
  // A tail that is not old may still be the consumer's: this is no wait yet.
  expect((await invoke())[2]).toMatchObject({ waitingForCode: 0, lagRecords: 1 });
  skewMs += tailGapAgeMs;
  expect(await invoke()).toEqual([well, well, { ...well, waitingForCode: 1, lagRecords: 1 }, well]);
  await ledgers[2]?.transaction(partition, async (transaction) => {
    const recordHash = createHash('sha256').update(newer).digest();
    const moved = await transaction.moveProgress({
      generation: 1,
      from: 0,
      to: 1,
      recordHash,
      checkedRanges: 0,
      closedBefore: null,
    });
    await moved?.addCommit(commitRecord({ foreign: 1 }));
    return { commit: moved !== null, value: null };
  });
  expect(await invoke()).toEqual([well, well, well, well]);
});
