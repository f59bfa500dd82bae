import { ENV_SHARD_WRITER_URLS } from '../../shared/contracts/env.ts';
import { shardsConfig } from '../../shared/ledger/shards-config.ts';
import { logConfig } from '../../shared/log/log-config.ts';
import { redisConfig, sealConfig } from '../../shared/segments/segments-config.ts';

/** What the flusher reads from the environment. */
export const flusherConfig = logConfig
  .and(redisConfig)
  .and(sealConfig)
  .and(shardsConfig(ENV_SHARD_WRITER_URLS));
