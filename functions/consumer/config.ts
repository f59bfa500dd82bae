import { redisConfig, segmentKeyConfig } from '../../shared/segments/segments-config.ts';

/** What the consumer reads from the environment. */
export const consumerConfig = redisConfig.and(segmentKeyConfig);
