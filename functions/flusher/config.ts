import { z } from 'zod';
import { ENV_SHARD_WRITER_URLS } from '../../shared/contracts/env.ts';
import { shardUrlsValue } from '../../shared/ledger/shards-config.ts';
import { logConfig } from '../../shared/log/log-config.ts';
import { redisConfig, segmentKeyConfig } from '../../shared/segments/segments-config.ts';

const shardsConfig = z
  .object({ [ENV_SHARD_WRITER_URLS]: shardUrlsValue })
  .transform((values) => ({ shardUrls: values[ENV_SHARD_WRITER_URLS] }));

/** What the flusher reads from the environment. */
export const flusherConfig = logConfig.and(redisConfig).and(segmentKeyConfig).and(shardsConfig);
