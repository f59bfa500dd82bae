import { z } from 'zod';
import { quotaConfig } from '../../shared/callers/quota-config.ts';
import { ENV_RECEIPT_KEY, ENV_SHARD_READER_URLS } from '../../shared/contracts/env.ts';
import { shardsConfig } from '../../shared/ledger/shards-config.ts';
import { logConfig } from '../../shared/log/log-config.ts';
import { keyValue } from '../../shared/runtime/config.ts';
import { redisConfig } from '../../shared/segments/segments-config.ts';

const receiptConfig = z
  .object({ [ENV_RECEIPT_KEY]: keyValue })
  .transform((values) => ({ receiptKey: values[ENV_RECEIPT_KEY] }));

/** What query reads from the environment. */
export const queryConfig = logConfig
  .and(redisConfig)
  .and(quotaConfig)
  .and(shardsConfig(ENV_SHARD_READER_URLS))
  .and(receiptConfig);
