import type { Context } from 'aws-lambda';
import { ENV_LAMBDA_NAME } from '../../shared/contracts/env.ts';
import { logFields } from '../../shared/errors.ts';
import { type Checkpoint, noCheckpoint } from '../../shared/ledger/checkpoint.ts';
import { createShardLedger } from '../../shared/ledger/postgres/shard-ledger.ts';
import type { ShardLedger } from '../../shared/ledger/shard-ledger.ts';
import { iamSecurity } from '../../shared/log/kafka/iam-security.ts';
import { createLogReader } from '../../shared/log/kafka/log-reader.ts';
import { routeMapVersion } from '../../shared/log/routing.ts';
import { loadConfig } from '../../shared/runtime/config.ts';
import { type Lifetime, renewable } from '../../shared/runtime/lifetime.ts';
import { createMetrics } from '../../shared/runtime/metrics/emf-metrics.ts';
import { type Environment, processEnvironment } from '../../shared/runtime/process/environment.ts';
import { createLogger } from '../../shared/runtime/process/pino-logger.ts';
import { systemClock } from '../../shared/runtime/process/system-clock.ts';
import { createSecrets } from '../../shared/runtime/secrets/secrets.ts';
import { createSegmentStore } from '../../shared/segments/redis/segment-store.ts';
import { flusherConfig } from './config.ts';
import type { FlushPorts } from './flush-shard.ts';
import { LogHistory } from './log-history.ts';
import { type PassReport, runPasses } from './run-passes.ts';

/** What of the invocation's context the flusher reads. */
type Deadline = Pick<Context, 'getRemainingTimeInMillis'>;

/** The flusher over these shards; the history lives as long as the environment. */
export function buildFlusher(ledgers: readonly ShardLedger[], ports: FlushPorts) {
  const history = new LogHistory();
  return async (_event: unknown, context: Deadline): Promise<PassReport> => {
    const report = await runPasses(ledgers, history, () => context.getRemainingTimeInMillis(), ports);
    ports.logger.info({ ...report }, 'flushed');
    return report;
  };
}

/** The flusher with its clients, as the environment names them; tests hand in a checkpoint that stops it. */
export async function startFlusher(environment: Environment, checkpoint: Checkpoint, lifetime: Lifetime) {
  const { keep, refused: onRefused } = lifetime;
  const config = await loadConfig(flusherConfig, environment, createSecrets(environment));
  const logger = createLogger('flusher', environment);
  const { seal } = config;
  const segments = keep(createSegmentStore({ ...config.redis, onRefused }));
  const log = keep(createLogReader({ ...config.log, security: iamSecurity(config.log.iamRegion) }));
  const ledgers = config.shardUrls.map((url, shard) =>
    keep(createShardLedger({ url, shard, mapVersion: routeMapVersion, logger, onRefused })),
  );
  await segments.assertNothingEvicted().catch((error: unknown) => {
    // A Redis that is down is no reason to stop (U6); one that may evict is a wrong configuration.
    logger.error({ ...logFields(error) }, 'segment store not checked or not usable');
    if (logFields(error).code === 'segments_evictable') throw error;
  });
  const metrics = createMetrics('flusher', environment[ENV_LAMBDA_NAME]);
  return buildFlusher(ledgers, { log, segments, seal, logger, metrics, clock: systemClock, checkpoint });
}

const start = renewable((lifetime) => startFlusher(processEnvironment(), noCheckpoint, lifetime));

/** AWS Lambda entry: a schedule `rate(1 minute)`; also the reconciler (U7, U8). */
export async function handler(event: unknown, context: Deadline): Promise<PassReport> {
  const flush = await start();
  return flush(event, context);
}
