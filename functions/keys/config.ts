import { z } from 'zod';
import { keyEnvironments } from '../../shared/callers/api-key.ts';
import { ENV_API_KEY_HASH_SECRET, ENV_SHARD_KEYS_URLS, ENV_STAGE } from '../../shared/contracts/env.ts';
import { shardUrlsValue } from '../../shared/ledger/shards-config.ts';
import { keyValue } from '../../shared/runtime/config.ts';

/** What keys reads from the environment. */
export const keysConfig = z
  .object({
    [ENV_API_KEY_HASH_SECRET]: keyValue,
    [ENV_STAGE]: z.enum(keyEnvironments).default('local'),
    [ENV_SHARD_KEYS_URLS]: shardUrlsValue,
  })
  .transform((values) => ({
    hashSecret: values[ENV_API_KEY_HASH_SECRET],
    environment: values[ENV_STAGE],
    urls: values[ENV_SHARD_KEYS_URLS],
  }));
