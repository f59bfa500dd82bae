import { z } from 'zod';
import {
  ENV_SHARD_AUTHORIZER_URLS,
  ENV_SHARD_KEYS_URLS,
  ENV_SHARD_OPERATOR_URLS,
  ENV_SHARD_OWNER_URLS,
  ENV_SHARD_READER_URLS,
  ENV_SHARD_WRITER_URLS,
} from '../../shared/contracts/env.ts';
import { shardUrlsValue } from '../../shared/ledger/shards-config.ts';
import { logConfig } from '../../shared/log/log-config.ts';

const shardsConfig = z
  .object({
    [ENV_SHARD_OWNER_URLS]: shardUrlsValue,
    [ENV_SHARD_OPERATOR_URLS]: shardUrlsValue,
    /** Where they are known, migrating gives these logins the passwords that their addresses hold. */
    [ENV_SHARD_WRITER_URLS]: shardUrlsValue.optional(),
    [ENV_SHARD_READER_URLS]: shardUrlsValue.optional(),
    [ENV_SHARD_AUTHORIZER_URLS]: shardUrlsValue.optional(),
    [ENV_SHARD_KEYS_URLS]: shardUrlsValue.optional(),
  })
  .transform((values) => ({
    ownerUrls: values[ENV_SHARD_OWNER_URLS],
    operatorUrls: values[ENV_SHARD_OPERATOR_URLS],
    /** The addresses of every login whose password is known. */
    loginUrls: (
      [
        ENV_SHARD_OPERATOR_URLS,
        ENV_SHARD_WRITER_URLS,
        ENV_SHARD_READER_URLS,
        ENV_SHARD_AUTHORIZER_URLS,
        ENV_SHARD_KEYS_URLS,
      ] as const
    ).map((variable) => values[variable] ?? []),
  }));

/** What the operator reads from the environment. */
export const operatorConfig = logConfig.and(shardsConfig);

export type OperatorConfig = Readonly<z.output<typeof operatorConfig>>;
