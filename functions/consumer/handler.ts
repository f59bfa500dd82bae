import type { MSKEvent } from 'aws-lambda';
import { createFileSecrets } from '../../shared/adapters/file/secrets.ts';
import { createSegmentStore } from '../../shared/adapters/redis/segment-store.ts';
import { ENV_SECRETS_FILE } from '../../shared/contracts/env.ts';
import type { SegmentSeal } from '../../shared/domain/segment.ts';
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
  const segments = createSegmentStore(config.redis);
  return buildConsumer(config.seal, { segments, logger });
});

/** AWS Lambda entry: an MSK event source mapping with ReportBatchItemFailures and infinite retries. */
export async function handler(event: MSKEvent): Promise<KafkaBatchResponse> {
  const consume = await start();
  return consume(event);
}
