import type { MSKEvent } from 'aws-lambda';
import { createFileSecrets } from '../../shared/adapters/file/secrets.ts';
import { createSegmentStore } from '../../shared/adapters/redis/segment-store.ts';
import {
  ENV_KAFKA_TOPIC,
  ENV_LOG_GENERATION,
  ENV_REDIS_SENTINEL_URL,
  ENV_REDIS_URL,
  ENV_SECRETS_FILE,
  ENV_SEGMENT_KEY,
} from '../../shared/contracts/env.ts';
import { type SegmentSeal, sealScope } from '../../shared/domain/segment.ts';
import { loadConfig } from '../../shared/runtime/config.ts';
import { processEnvironment } from '../../shared/runtime/environment.ts';
import { createLogger } from '../../shared/runtime/logger.ts';
import { once } from '../../shared/runtime/once.ts';
import { consumerConfig } from './config.ts';
import { fromMskEvent, type KafkaBatchResponse } from './from-msk-event.ts';
import { type StoreSegmentsPorts, storeSegments } from './store-segments.ts';

/** The consumer: records of several partitions in, one or more segments each out, partitions in parallel. */
export function buildConsumer(seal: SegmentSeal, ports: StoreSegmentsPorts) {
  return async (event: MSKEvent): Promise<KafkaBatchResponse> => {
    const waits = await Promise.all(
      fromMskEvent(event).map(async (batch) => {
        const offset = await storeSegments(batch, seal, ports);
        return offset === null ? [] : [{ itemIdentifier: { partition: batch.itemPartition, offset } }];
      }),
    );
    return { batchItemFailures: waits.flat() };
  };
}

const start = once(async () => {
  const environment = processEnvironment();
  const config = await loadConfig(
    consumerConfig,
    environment,
    createFileSecrets(environment[ENV_SECRETS_FILE]),
  );
  const logger = createLogger('consumer', environment);
  const topic = config[ENV_KAFKA_TOPIC];
  const segments = createSegmentStore({
    url: config[ENV_REDIS_URL],
    sentinelUrl: config[ENV_REDIS_SENTINEL_URL],
    topic,
  });
  const seal = { scope: sealScope(topic, config[ENV_LOG_GENERATION]), key: config[ENV_SEGMENT_KEY] };
  return buildConsumer(seal, { segments, logger });
});

/** AWS Lambda entry: an MSK event source mapping with ReportBatchItemFailures and infinite retries. */
export async function handler(event: MSKEvent): Promise<KafkaBatchResponse> {
  const consume = await start();
  return consume(event);
}
