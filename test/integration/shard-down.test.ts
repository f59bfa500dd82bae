import { afterAll, beforeAll, expect, it } from 'vitest';
import { LogHistory } from '../../functions/flusher/log-history.ts';
import { runPasses } from '../../functions/flusher/run-passes.ts';
import { freePort } from '../../localstack/servers/ports.ts';
import { noCheckpoint } from '../../shared/ledger/checkpoint.ts';
import { createShardLedger } from '../../shared/ledger/postgres/shard-ledger.ts';
import { transactionStartRemainingMs } from '../../shared/limits.ts';
import { routeMapVersion } from '../../shared/log/routing.ts';
import { type Metrics, noMetrics } from '../../shared/runtime/metrics.ts';
import { systemClock } from '../../shared/runtime/process/system-clock.ts';
import { envelope, sealedEvent } from '../harness/builders/records.ts';
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
