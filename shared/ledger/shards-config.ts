/** The shards' part of a function's configuration. */
import { z } from 'zod';
import type { shardLogins } from '../contracts/shards.ts';
import { shardCount } from '../limits.ts';
import { listValue } from '../runtime/config.ts';

/** The addresses of one login on every shard. */
export const shardUrlsValue = listValue.refine(
  (urls) => urls.length === shardCount,
  `must be ${shardCount} addresses in shard order`,
);

/** The shards as one login sees them, whose addresses are in `variable`. */
export function shardsConfig(variable: ShardVariable) {
  return z.object({ [variable]: shardUrlsValue }).transform((values) => ({
    // A computed key has the type of any text, so its value could be missing; the schema has just checked it.
    shardUrls: values[variable] as readonly string[],
  }));
}

type ShardVariable = (typeof shardLogins)[keyof typeof shardLogins]['variable'];
