import { z } from 'zod';
import {
  ENV_KAFKA_TOPIC,
  ENV_LOG_GENERATION,
  ENV_REDIS_SENTINEL_URL,
  ENV_REDIS_URL,
  ENV_SEGMENT_KEY,
  ENV_SHARD_WRITER_URLS,
} from '../../shared/contracts/env.ts';
import { shardCount } from '../../shared/limits.ts';
import { logVariables, regionWithIam, toLogPlace } from '../../shared/log/log-config.ts';
import { keyValue, listValue } from '../../shared/runtime/config.ts';
import { sealScope } from '../../shared/segments/segment.ts';

/** What the flusher reads from the environment. */
export const flusherConfig = z
  .object({
    ...logVariables,
    [ENV_LOG_GENERATION]: z.coerce.number().int().positive().default(1),
    [ENV_REDIS_URL]: z.string(),
    [ENV_REDIS_SENTINEL_URL]: z.string().optional(),
    [ENV_SEGMENT_KEY]: keyValue,
    [ENV_SHARD_WRITER_URLS]: listValue.refine(
      (urls) => urls.length === shardCount,
      `must list ${shardCount} DSNs`,
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
    seal: {
      scope: sealScope(values[ENV_KAFKA_TOPIC], values[ENV_LOG_GENERATION]),
      key: values[ENV_SEGMENT_KEY],
    },
    shardUrls: values[ENV_SHARD_WRITER_URLS],
  }));
