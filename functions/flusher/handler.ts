/** Lambda `flusher`: commits what the log holds to the shards; also the reconciler (U7, U8). */
import type { Context } from 'aws-lambda';
import { failure, OdometerError } from '../../shared/errors.ts';
import { type Checkpoint, noCheckpoint } from '../../shared/ledger/checkpoint.ts';
import { createShardLedger } from '../../shared/ledger/postgres/shard-ledger.ts';
import type { ShardLedger } from '../../shared/ledger/shard-ledger.ts';
import { iamSecurity } from '../../shared/log/kafka/iam-security.ts';
import { createLogReader } from '../../shared/log/kafka/log-reader.ts';
import { routeMapVersion } from '../../shared/log/routing.ts';
import { type FunctionStart, functionStart } from '../../shared/runtime/process/function-start.ts';
import { systemClock } from '../../shared/runtime/process/system-clock.ts';
import { createSegmentStore } from '../../shared/segments/redis/segment-store.ts';
import { flusherConfig } from './config.ts';
import type { FlushPorts } from './flush-shard.ts';
import { fromScheduleEvent } from './from-schedule-event.ts';
import { LogHistory } from './log-history.ts';
import { type PassReport, runPasses } from './run-passes.ts';

/** What of the invocation's context the flusher reads. */
type Deadline = Pick<Context, 'getRemainingTimeInMillis'>;

export type FlusherHandler = (event: unknown, context: Deadline) => Promise<PassReport>;

/** The flusher over these shards; the history lives as long as the environment. */
export function build(ledgers: readonly ShardLedger[], ports: FlushPorts): FlusherHandler {
  const history = new LogHistory();
  return async (event, context) => {
    const asked = fromScheduleEvent(event);
    const those = ledgers.filter(({ shard }) => asked.has(shard));
    const report = await runPasses(those, history, () => context.getRemainingTimeInMillis(), ports);
    ports.logger.info({ ...report, shards: [...asked] }, 'flushed');
    return report;
  };
}

/** The flusher with its clients; tests hand in a checkpoint that stops it. */
export async function start(given: FunctionStart, checkpoint: Checkpoint): Promise<FlusherHandler> {
  const { loadAndWatch, keep, onRefused, logger, metrics } = given;
  const config = await loadAndWatch(flusherConfig);
  const { segmentKey } = config;
  const segments = keep(createSegmentStore({ ...config.redis, onRefused }));
  const log = keep(createLogReader({ ...config.log, security: iamSecurity(config.log.iamRegion) }));
  const ledgers = config.shardUrls.map((url, shard) =>
    keep(createShardLedger({ url, shard, mapVersion: routeMapVersion, logger, onRefused })),
  );
  await segments.assertNothingEvicted().catch((error: unknown) => {
    // A Redis that is down is no reason to stop (U6); one that may evict is a wrong configuration.
    logger.error(failure(error), 'segment store not checked or not usable');
    if (error instanceof OdometerError && error.code === 'segments_evictable') throw error;
  });
  return build(ledgers, { log, segments, segmentKey, logger, metrics, clock: systemClock, checkpoint });
}

const { started } = functionStart('flusher', (given) => start(given, noCheckpoint));

/** AWS Lambda entry: for each shard a schedule `rate(1 minute)` with the input `{"shards": [n]}`. */
export async function handler(event: unknown, context: Deadline): Promise<PassReport> {
  const flush = await started();
  return flush(event, context);
}
