import { z } from 'zod';
import {
  ENV_KAFKA_TOPIC,
  ENV_LOG_GENERATION,
  ENV_REDIS_SENTINEL_URL,
  ENV_REDIS_URL,
  ENV_SEGMENT_KEY,
} from '../../shared/contracts/env.ts';
import { usageTopic } from '../../shared/contracts/topic.ts';
import { keyValue } from '../../shared/runtime/config.ts';
import { sealScope } from '../../shared/segments/segment.ts';

/** What the consumer reads from the environment. */
export const consumerConfig = z
  .object({
    [ENV_KAFKA_TOPIC]: z.string().default(usageTopic.name),
    [ENV_LOG_GENERATION]: z.coerce.number().int().positive().default(1),
    [ENV_REDIS_URL]: z.string(),
    [ENV_REDIS_SENTINEL_URL]: z.string().optional(),
    [ENV_SEGMENT_KEY]: keyValue,
  })
  .transform((values) => ({
    redis: {
      url: values[ENV_REDIS_URL],
      sentinelUrl: values[ENV_REDIS_SENTINEL_URL],
      topic: values[ENV_KAFKA_TOPIC],
    },
    seal: {
      scope: sealScope(values[ENV_KAFKA_TOPIC], values[ENV_LOG_GENERATION]),
      key: values[ENV_SEGMENT_KEY],
    },
  }));
