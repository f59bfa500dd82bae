import { expect, it } from 'vitest';
import { build } from '../../functions/flusher/handler.ts';
import { OdometerError } from '../../shared/errors.ts';
import { noCheckpoint } from '../../shared/ledger/checkpoint.ts';
import type { ShardLedger } from '../../shared/ledger/shard-ledger.ts';
import { flusherTimeoutMs, shardCount } from '../../shared/limits.ts';
import { noMetrics } from '../../shared/runtime/metrics.ts';
import { FakeClock } from '../harness/fakes/clock.ts';
import { FakeLog } from '../harness/fakes/log.ts';
import { FakeLogger } from '../harness/fakes/logger.ts';
import { FakeSegmentStore } from '../harness/fakes/segment-store.ts';

/** The shards that an invocation with this event looked at. */
async function visited(event: unknown): Promise<readonly number[]> {
  const found = new Set<number>();
  const stop = new OdometerError('wrong_shard', 'ends the pass', { retryable: false });
  const ledgers = Array.from({ length: shardCount }, (_, shard) => {
    const look = async () => {
      found.add(shard);
      throw stop;
    };
    // A pass that ends at its first look uses no other method of a shard.
    const used = { shard, nowMs: look, progress: look, positions: look, heads: look };
    return used as unknown as ShardLedger;
  });
  const segmentKey = Buffer.alloc(32, 1);
  const ports = { log: new FakeLog(), clock: new FakeClock(), logger: new FakeLogger(), segmentKey };
  const segments = new FakeSegmentStore();
  const flush = build(ledgers, { ...ports, segments, metrics: noMetrics, checkpoint: noCheckpoint });
  const context = { getRemainingTimeInMillis: () => flusherTimeoutMs };
  await expect(flush(event, context)).rejects.toBe(stop);
  return [...found];
}

it('U9: an invocation is for the shards that its schedule names, and without a name for all', async () => {
  expect(await visited({ shards: [2] })).toEqual([2]);
  expect(await visited({ shards: [0, 3] })).toEqual([0, 3]);
  expect(await visited({})).toEqual([0, 1, 2, 3]);
});

it.each([[{ shards: [] }], [{ shards: [shardCount] }], [{ shards: 1 }], ['text']])(
  'an event that names no shard is refused: %j',
  async (event) => {
    const flush = build([], {
      ...{ log: new FakeLog(), clock: new FakeClock(), logger: new FakeLogger(), metrics: noMetrics },
      ...{ segmentKey: Buffer.alloc(32, 1), checkpoint: noCheckpoint },
      segments: new FakeSegmentStore(),
    });
    const invocation = flush(event, { getRemainingTimeInMillis: () => flusherTimeoutMs });
    await expect(invocation).rejects.toMatchObject({ code: 'config_invalid' });
  },
);
