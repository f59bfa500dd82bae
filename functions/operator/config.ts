import { z } from 'zod';
import {
  ENV_LOG_GENERATION,
  ENV_SHARD_OPERATOR_URLS,
  ENV_SHARD_OWNER_URLS,
  ENV_SHARD_READER_URLS,
  ENV_SHARD_WRITER_URLS,
} from '../../shared/contracts/env.ts';
import { shardCount } from '../../shared/limits.ts';
import { logVariables, regionWithIam, toLogPlace } from '../../shared/log/log-config.ts';
import { listValue } from '../../shared/runtime/config.ts';

const shardUrls = listValue.refine((urls) => urls.length === shardCount, `must list ${shardCount} DSNs`);

/** What the operator reads from the environment. */
export const operatorConfig = z
  .object({
    ...logVariables,
    [ENV_LOG_GENERATION]: z.coerce.number().int().positive().default(1),
    [ENV_SHARD_OWNER_URLS]: shardUrls,
    [ENV_SHARD_OPERATOR_URLS]: shardUrls,
    /** Where they are known, migrating gives these logins the passwords that their DSNs hold. */
    [ENV_SHARD_WRITER_URLS]: shardUrls.optional(),
    [ENV_SHARD_READER_URLS]: shardUrls.optional(),
  })
  .refine(...regionWithIam)
  .transform((values) => ({
    log: toLogPlace(values),
    generation: values[ENV_LOG_GENERATION],
    ownerUrls: values[ENV_SHARD_OWNER_URLS],
    operatorUrls: values[ENV_SHARD_OPERATOR_URLS],
    /** The DSNs of every login whose password is known. */
    loginUrls: ([ENV_SHARD_OPERATOR_URLS, ENV_SHARD_WRITER_URLS, ENV_SHARD_READER_URLS] as const).map(
      (variable) => values[variable] ?? [],
    ),
  }));

export type OperatorConfig = Readonly<z.output<typeof operatorConfig>>;
