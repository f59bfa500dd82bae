import { z } from 'zod';
import {
  ENV_KAFKA_TOPIC,
  ENV_REDIS_SENTINEL_URL,
  ENV_REDIS_URL,
  ENV_SHARD_READER_URLS,
} from '../../shared/contracts/env.ts';
import { usageTopic } from '../../shared/contracts/topic.ts';
import { shardCount } from '../../shared/limits.ts';
import { logVariables, regionWithIam, toLogPlace } from '../../shared/log/log-config.ts';
import { listValue } from '../../shared/runtime/config.ts';

const partitions: number = usageTopic.partitions;

/** What metrics reads from the environment. */
export const metricsConfig = z
  .object({
    ...logVariables,
    [ENV_REDIS_URL]: z.string(),
    [ENV_REDIS_SENTINEL_URL]: z.string().optional(),
    [ENV_SHARD_READER_URLS]: listValue.refine(
      (urls) => urls.length === shardCount,
      `must be ${shardCount} addresses in shard order`,
    ),
  })
  .refine(...regionWithIam)
  .transform((values) => ({
    log: toLogPlace(values),
    redis: {
      url: values[ENV_REDIS_URL],
      sentinelUrl: values[ENV_REDIS_SENTINEL_URL],
      topic: values[ENV_KAFKA_TOPIC],
    },
    shardUrls: values[ENV_SHARD_READER_URLS],
    partitions,
  }));
