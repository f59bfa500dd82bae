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

export const consumerConfig = z.object({
  [ENV_KAFKA_TOPIC]: z.string().default(usageTopic.name),
  [ENV_LOG_GENERATION]: z.coerce.number().int().positive().default(1),
  [ENV_REDIS_URL]: z.string(),
  [ENV_REDIS_SENTINEL_URL]: z.string().optional(),
  [ENV_SEGMENT_KEY]: keyValue,
});
