import { afterAll, beforeAll, expect, it } from 'vitest';
import { build } from '../../functions/flusher/handler.ts';
import { noCheckpoint } from '../../shared/ledger/checkpoint.ts';
import { createShardLedger } from '../../shared/ledger/postgres/shard-ledger.ts';
import { dayMs, eventDaysMax, transactionStartRemainingMs } from '../../shared/limits.ts';
import { routeMapVersion } from '../../shared/log/routing.ts';
import { noMetrics } from '../../shared/runtime/metrics.ts';
import { systemClock } from '../../shared/runtime/process/system-clock.ts';
import { envelope, sealedEvent } from '../harness/builders/records.ts';
import { openPipeline, type Pipeline } from '../harness/pipeline/pipeline.ts';

const days = 9000;
let pipeline: Pipeline;
beforeAll(async () => {
  pipeline = await openPipeline();
});
afterAll(async () => {
  await pipeline.close();
});

/** What ingest makes of a backfill of one event a day, from the year 2000 on. */
function backfill(partition: number): readonly Buffer[] {
  const events = Array.from({ length: days }, (_, i) =>
    sealedEvent({
      organization: 'org_old',
      idempotencyKey: `d${i}`,
      eventTimeMs: Date.UTC(2000, 0, 1) + i * dayMs,
    }),
  );
  return Array.from({ length: Math.ceil(days / eventDaysMax) }, (_, i) =>
    envelope(events.slice(i * eventDaysMax, (i + 1) * eventDaysMax), { partition, sequence: i }),
  );
}

it('U9: a backfill of 9,000 days delays no neighbour, makes few tables and is counted', async () => {
  await pipeline.append(0, backfill(0));
  await pipeline.deliver(0, 0);
  const url = pipeline.shards.writerUrls[0] ?? '';
  const ledger = createShardLedger({ url, shard: 0, mapVersion: routeMapVersion, logger: pipeline.logger });
  const { log, segments, segmentKey, logger } = pipeline;
  const ports = { log, segments, segmentKey, logger, clock: systemClock, metrics: noMetrics };
  const flush = build([ledger], { ...ports, checkpoint: noCheckpoint });
  const counted: number[] = [];
  for (let offset = 0; offset < 5; offset++) {
    const event = sealedEvent({ organization: 'org_new', idempotencyKey: `n${offset}` });
    await pipeline.append(4, [envelope([event], { partition: 4, sequence: offset })]);
    await pipeline.deliver(4, offset);
    const endMs = Date.now() + transactionStartRemainingMs + 4000;
    await flush({ shards: [0] }, { getRemainingTimeInMillis: () => endMs - Date.now() });
    const { nextOffset = 0 } = (await ledger.progress()).find(({ partition }) => partition === 4) ?? {};
    if (nextOffset === offset + 1) counted.push(offset);
  }
  await ledger.close();
  // Each was counted within the four seconds of its own invocation, and the backfill was not done before.
  expect(counted).toEqual([0, 1, 2, 3, 4]);
  await pipeline.flush();
  const [leaves] = await pipeline.query(
    0,
    `select count(*)::int as n from pg_inherits where inhparent = 'usage_events'::regclass`,
  );
  expect(leaves?.['n']).toBeLessThanOrEqual(400);
  expect((await pipeline.recount()).differences).toEqual([]);
}, 180_000);

it('U9: one envelope of more days than ingest accepts, as older code made it, is counted by itself', async () => {
  const events = Array.from({ length: 2 * eventDaysMax + 1 }, (_, i) =>
    sealedEvent({
      organization: 'org_older',
      idempotencyKey: `o${i}`,
      eventTimeMs: Date.UTC(2003, 0, 1) + i * dayMs,
    }),
  );
  const young = [sealedEvent({ organization: 'org_older', idempotencyKey: 'young' })];
  const values = [young, events, young].map((of, sequence) => envelope(of, { partition: 8, sequence }));
  await pipeline.append(8, values);
  await pipeline.deliver(8, 0);
  await pipeline.flush();
  const ranges = await pipeline.query(
    8,
    'select from_offset::int as "from", to_offset::int as "to" from commit_ledger where partition = 8 order by sequence',
  );
  expect(ranges).toEqual([
    { from: 0, to: 1 },
    { from: 1, to: 2 },
    { from: 2, to: 3 },
  ]);
  expect((await pipeline.recount()).differences).toEqual([]);
}, 180_000);
