import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createSummaryReader } from '../../shared/ledger/postgres/summary-reader.ts';
import { dayMs } from '../../shared/limits.ts';
import { partitionOf } from '../../shared/log/routing.ts';
import { envelope, noonMs, sealedEvent } from '../harness/builders/records.ts';
import { openPipeline, type Pipeline } from '../harness/pipeline/pipeline.ts';
import { fromUnits, toUnits } from '../recount/decimal.ts';

const organization = 'exact';
const partitions = 20;
const day = Math.floor(noonMs / dayMs);
const metrics = ['m0', 'm1', 'm2'];
const seed = 20_261_123;

let pipeline: Pipeline;
beforeAll(async () => {
  pipeline = await openPipeline();
});
afterAll(async () => {
  await pipeline.close();
});

/** Quantities over the whole range, the ends among them. */
const ends = ['99999999999999999999.999999999999999999', '-99999999999999999999.999999999999999999'];
const quantity = fc.oneof(
  fc.constantFrom(...ends, '0.000000000000000001', '-0.000000000000000001', '0', '0.1'),
  fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n }).map(fromUnits),
);

it('U13: quantities of every size are summed to the last digit, past the size of any one of them', async () => {
  const partition = partitionOf(organization, partitions);
  const quantities = fc.sample(quantity, { seed, numRuns: 3000 });
  const events = [...quantities, ...Array.from({ length: 30 }, () => ends[0] ?? '')].map((text, i) =>
    sealedEvent({
      organization,
      metric: metrics[i % metrics.length] ?? '',
      quantity: text,
      idempotencyKey: `key-${i}`,
      eventTimeMs: noonMs + i * 1000,
    }),
  );
  for (let from = 0; from < events.length; from += 500) {
    const values = [envelope(events.slice(from, from + 500), { partition, sequence: from })];
    await pipeline.deliver(partition, await pipeline.append(partition, values));
  }
  await pipeline.flush();
  expect((await pipeline.recount()).differences).toEqual([]);

  const reader = createSummaryReader({ urls: pipeline.shards.readerUrls, partitions });
  const summary = await reader
    .summarize({ organization, startDay: day, endDay: day })
    .finally(() => reader.close());
  const expected = metrics.map((metric) => {
    const own = events.filter((event) => event.metric === metric);
    const totalQuantity = fromUnits(own.reduce((sum, event) => sum + toUnits(event.quantity), 0n));
    return { metric, totalQuantity, eventCount: own.length };
  });
  expect(summary.metrics).toEqual(expected);
});
