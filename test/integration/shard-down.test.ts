import { afterAll, beforeAll, expect, it } from 'vitest';
import { build } from '../../functions/flusher/handler.ts';
import { LogHistory } from '../../functions/flusher/log-history.ts';
import { runPasses } from '../../functions/flusher/run-passes.ts';
import { freePort } from '../../localstack/servers/ports.ts';
import { oneStatement } from '../../localstack/servers/postgres-session.ts';
import { noCheckpoint } from '../../shared/ledger/checkpoint.ts';
import { createShardLedger } from '../../shared/ledger/postgres/shard-ledger.ts';
import { transactionStartRemainingMs } from '../../shared/limits.ts';
import { routeMapVersion, shardOf } from '../../shared/log/routing.ts';
import { type Metrics, noMetrics } from '../../shared/runtime/metrics.ts';
import { systemClock } from '../../shared/runtime/process/system-clock.ts';
import { envelope, sealedEvent } from '../harness/builders/records.ts';
import { rowsOf } from '../harness/pipeline/isolation.ts';
import { openPipeline, type Pipeline } from '../harness/pipeline/pipeline.ts';

let pipeline: Pipeline;
beforeAll(async () => {
  pipeline = await openPipeline();
});
afterAll(async () => {
  await pipeline.close();
});

it('U9: one shard down stops its own partitions only, and they catch up when it is back', async () => {
  for (const partition of [0, 1, 2, 3]) {
    const event = sealedEvent({ organization: `org_p${partition}` });
    await pipeline.append(partition, [envelope([event], { partition })]);
    await pipeline.deliver(partition, 0);
  }
  const closedPort = String(await freePort());
  const ledgers = pipeline.shards.writerUrls.map((writerUrl, shard) => {
    const url = new URL(writerUrl);
    if (shard === 1) url.port = closedPort;
    return createShardLedger({ url: url.href, shard, mapVersion: routeMapVersion, logger: pipeline.logger });
  });
  const { log, segments, segmentKey, logger } = pipeline;
  const standings = new Map<number, unknown>();
  const metrics: Metrics = {
    ...noMetrics,
    flushed: (shard, _counts, standing) => void standings.set(shard, standing),
  };
  const flush = { clock: systemClock, checkpoint: noCheckpoint, metrics };
  const ports = { log, segments, segmentKey, logger, ...flush };
  const endMs = Date.now() + transactionStartRemainingMs + 1500;
  await runPasses(ledgers, new LogHistory(), () => endMs - Date.now(), ports);
  const committed = await Promise.all(
    ledgers.map(async (ledger) => {
      if (ledger.shard === 1) return 0;
      const rows = await ledger.progress();
      return rows.reduce((sum, { nextOffset }) => sum + nextOffset, 0);
    }),
  );
  expect(committed).toEqual([1, 0, 1, 1]);
  expect(logger.messages).toContain('shard paused');
  // Its gauges are silent, and only its own.
  expect([0, 1, 2, 3].filter((shard) => standings.get(shard) === null)).toEqual([1]);
  await Promise.all(ledgers.map((ledger) => ledger.close()));
  await pipeline.flush();
  expect((await pipeline.recount()).differences).toEqual([]);
});

/** Makes the rows of one partition cost what `body` does, on its day's leaf. */
async function troubleIn(partition: number, body: string): Promise<() => Promise<void>> {
  const url = pipeline.shards.superuserUrls[shardOf(partition)] ?? '';
  const day = new Date(sealedEvent().eventTimeMs).toISOString().slice(0, 10);
  await oneStatement(url, `select make_usage_day('${day}')`);
  const [made] = await rowsOf(url, `select leaf_of('${day}', current_date) as leaf`);
  await oneStatement(
    url,
    `create function trouble() returns trigger language plpgsql as
     $$ begin if new.partition = ${partition} then ${body} end if; return new; end $$`,
  );
  await oneStatement(
    url,
    `create trigger trouble before insert on ${String(made?.['leaf'])} for each row execute function trouble()`,
  );
  return () => oneStatement(url, 'drop function trouble cascade');
}

it('U9: a slow shard and a failing partition delay nobody else, and are counted when they are well', async () => {
  const well = await Promise.all([
    troubleIn(1, 'perform pg_sleep(8);'),
    troubleIn(0, `raise exception 'out of shared memory' using errcode = '53200';`),
  ]);
  const places = [0, 4, 1, 2];
  for (const partition of places) {
    const event = sealedEvent({ organization: `org_p${partition}`, idempotencyKey: 'in-trouble' });
    const from = await pipeline.append(partition, [envelope([event], { partition })]);
    await pipeline.deliver(partition, from);
  }
  const endsBefore = new Map(
    [...(await pipeline.log.bounds())].map(([partition, { end }]) => [partition, end]),
  );
  const { log, segments, segmentKey, logger } = pipeline;
  const ledgers = pipeline.shards.writerUrls.map((url, shard) =>
    createShardLedger({ url, shard, mapVersion: routeMapVersion, logger }),
  );
  const ports = { log, segments, segmentKey, logger, clock: systemClock, metrics: noMetrics };
  const flush = build(ledgers, { ...ports, checkpoint: noCheckpoint });
  const startedMs = performance.now();
  const endMs = Date.now() + transactionStartRemainingMs + 2000;
  const context = { getRemainingTimeInMillis: () => endMs - Date.now() };
  const tookMs = await Promise.all(
    ledgers.map(async ({ shard }) => {
      await flush({ shards: [shard] }, context);
      return performance.now() - startedMs;
    }),
  );
  const [first = 0, slow = 0, third = 0, fourth = 0] = tookMs;
  expect(Math.max(first, third, fourth)).toBeLessThan(6000);
  expect(slow).toBeGreaterThan(6000);
  const positions = (await Promise.all(ledgers.map((ledger) => ledger.progress()))).flat();
  const waiting = positions.filter(
    ({ partition, nextOffset }) => nextOffset < (endsBefore.get(partition) ?? 0),
  );
  expect(waiting.map(({ partition, halted }) => [partition, halted])).toEqual([[0, false]]);
  await Promise.all(ledgers.map((ledger) => ledger.close()));
  for (const heal of well) await heal();
  await pipeline.flush();
  expect((await pipeline.recount()).differences).toEqual([]);
});
