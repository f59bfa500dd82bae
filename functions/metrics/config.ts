import { z } from 'zod';
import { ENV_SHARD_READER_URLS } from '../../shared/contracts/env.ts';
import { shardUrlsValue } from '../../shared/ledger/shards-config.ts';
import { logConfig } from '../../shared/log/log-config.ts';
import { redisConfig } from '../../shared/segments/segments-config.ts';

const shardsConfig = z
  .object({ [ENV_SHARD_READER_URLS]: shardUrlsValue })
  .transform((values) => ({ shardUrls: values[ENV_SHARD_READER_URLS] }));

/** What metrics reads from the environment. */
export const metricsConfig = logConfig.and(redisConfig).and(shardsConfig);
