import { expect, it } from 'vitest';
import { storeSegments } from '../../functions/consumer/store-segments.ts';
import { slowBatchMs } from '../../shared/limits.ts';
import { type Metrics, noMetrics } from '../../shared/runtime/metrics.ts';
import { sealScope } from '../../shared/segments/segment.ts';
import { envelope, newerEnvelope, records, sealedEvent } from '../harness/builders/records.ts';
import { FakeClock } from '../harness/fakes/clock.ts';
import { FakeLogger } from '../harness/fakes/logger.ts';
import { FakeSegmentStore } from '../harness/fakes/segment-store.ts';

const seal = { scope: sealScope('topic', 1), key: Buffer.alloc(32, 1) };
const value = envelope([sealedEvent()]);

/** A consumer whose store takes so long for each segment. */
function setup(options: { appendMs?: number; down?: boolean } = {}) {
  const published: Parameters<Metrics['batchStored']>[] = [];
  const clock = new FakeClock();
  const logger = new FakeLogger();
  const segments = new FakeSegmentStore();
  segments.down = options.down ?? false;
  const append = segments.append.bind(segments);
  segments.append = async (...stored) => {
    await clock.advance(options.appendMs ?? 0);
    return append(...stored);
  };
  const metrics: Metrics = { ...noMetrics, batchStored: (...said) => void published.push(said) };
  const consume = (values: readonly Buffer[], from = 40) => {
    const batch = { partition: 0, itemPartition: 'topic-0', records: records(values, from) };
    return storeSegments([batch], seal, { segments, clock, logger, metrics });
  };
  return { consume, published, logger };
}

it('a batch publishes its size, its segments and its time', async () => {
  const { consume, published, logger } = setup({ appendMs: 30 });
  expect(await consume([value, value])).toEqual([]);
  const bytes = 2 * value.length;
  expect(published).toEqual([
    [{ records: 2, bytes, stored: 1, replaced: 0, dropped: 0, foldMs: 0, storeMs: 30 }],
  ]);
  expect(logger.lines).toEqual([]);
});

it('U6: a segment that Redis does not take is dropped, and the batch succeeds', async () => {
  const { consume, published } = setup({ down: true });
  expect(await consume([value])).toEqual([]);
  expect(published).toMatchObject([[{ stored: 0, dropped: 1 }]]);
});

it('a partition waits before a record of newer code, and what came before is stored', async () => {
  const { consume, published } = setup();
  expect(await consume([value, newerEnvelope()])).toEqual([{ itemPartition: 'topic-0', offset: 41 }]);
  expect(published).toMatchObject([[{ records: 2, stored: 1 }]]);
});

it('a slow batch is warned of, with where its time went', async () => {
  const { consume, logger } = setup({ appendMs: slowBatchMs + 1 });
  await consume([value]);
  expect(logger.lines).toMatchObject([{ level: 'warn', message: 'slow batch' }]);
});

it('U7: a segment of other records, or of other batches, takes the place of what is stored, is logged and counted', async () => {
  const { consume, published, logger } = setup();
  const other = envelope([sealedEvent({ idempotencyKey: 'other' })]);
  await consume([value, value]);
  await consume([value, value]);
  expect(logger.lines).toEqual([]);
  await consume([value, other]);
  await consume([other, value], 41);
  expect(published.map(([{ stored, replaced }]) => [stored, replaced])).toEqual([
    [1, 0],
    [1, 0],
    [1, 1],
    [1, 1],
  ]);
  const message = 'segment replaced what was stored for its records';
  expect(logger.lines).toMatchObject([
    { level: 'warn', message, fields: { partition: 0, from: 40, to: 42 } },
    { level: 'warn', message, fields: { partition: 0, from: 41, to: 43 } },
  ]);
});
