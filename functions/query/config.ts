import { quotaConfig } from '../../shared/callers/quota-config.ts';
import { ENV_SHARD_READER_URLS } from '../../shared/contracts/env.ts';
import { shardsConfig } from '../../shared/ledger/shards-config.ts';
import { logConfig } from '../../shared/log/log-config.ts';
import { redisConfig } from '../../shared/segments/segments-config.ts';

/** What query reads from the environment. */
export const queryConfig = logConfig
  .and(redisConfig)
  .and(quotaConfig)
  .and(shardsConfig(ENV_SHARD_READER_URLS));
