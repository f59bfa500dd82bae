import type { MSKEvent } from 'aws-lambda';
import { ENV_LAMBDA_NAME } from '../../shared/contracts/env.ts';
import { loadConfig } from '../../shared/runtime/config.ts';
import { renewable } from '../../shared/runtime/lifetime.ts';
import { createMetrics } from '../../shared/runtime/metrics/emf-metrics.ts';
import { processEnvironment } from '../../shared/runtime/process/environment.ts';
import { createLogger } from '../../shared/runtime/process/pino-logger.ts';
import { createSecrets } from '../../shared/runtime/secrets/secrets.ts';
import { createSegmentStore } from '../../shared/segments/redis/segment-store.ts';
import type { SegmentSeal } from '../../shared/segments/segment.ts';
import { consumerConfig } from './config.ts';
import { fromMskEvent, type KafkaBatchResponse, toBatchResponse } from './from-msk-event.ts';
import { type StoreSegmentsPorts, storeSegments } from './store-segments.ts';

/** The consumer: records of several partitions in, their segments in the store, and where partitions must wait. */
export function buildConsumer(seal: SegmentSeal, ports: StoreSegmentsPorts) {
  return async (event: MSKEvent): Promise<KafkaBatchResponse> => {
    const waits = await storeSegments(fromMskEvent(event), seal, ports);
    return toBatchResponse(waits);
  };
}

const start = renewable(async ({ keep, refused }) => {
  const environment = processEnvironment();
  const config = await loadConfig(consumerConfig, environment, createSecrets(environment));
  const logger = createLogger('consumer', environment);
  const segments = keep(createSegmentStore({ ...config.redis, onRefused: refused }));
  const metrics = createMetrics('consumer', environment[ENV_LAMBDA_NAME]);
  return buildConsumer(config.seal, { segments, logger, metrics });
});

/** AWS Lambda entry: an MSK event source mapping with ReportBatchItemFailures and infinite retries. */
export async function handler(event: MSKEvent): Promise<KafkaBatchResponse> {
  const consume = await start();
  return consume(event);
}
