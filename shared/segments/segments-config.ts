/** The segments' parts of a function's configuration: where they are kept, and by what key they are sealed. */
import { z } from 'zod';
import { ENV_KAFKA_TOPIC, ENV_REDIS_SENTINEL_URL, ENV_REDIS_URL, ENV_SEGMENT_KEY } from '../contracts/env.ts';
import { topicValue } from '../log/log-config.ts';
import { keyValue } from '../runtime/config.ts';

/** Redis, and the topic whose segments it keeps: it is in their keys. */
export const redisConfig = z
  .object({
    [ENV_REDIS_URL]: z.string(),
    [ENV_REDIS_SENTINEL_URL]: z.string().optional(),
    [ENV_KAFKA_TOPIC]: topicValue,
  })
  .transform((values) => ({
    redis: {
      url: values[ENV_REDIS_URL],
      sentinelUrl: values[ENV_REDIS_SENTINEL_URL],
      topic: values[ENV_KAFKA_TOPIC],
    },
  }));

/** For whoever makes segments or believes them. */
export const segmentKeyConfig = z
  .object({ [ENV_SEGMENT_KEY]: keyValue })
  .transform((values) => ({ segmentKey: values[ENV_SEGMENT_KEY] }));
