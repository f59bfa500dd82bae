/** The shards' part of a function's configuration. */
import { shardCount } from '../limits.ts';
import { listValue } from '../runtime/config.ts';

/** The addresses of one login on every shard. */
export const shardUrlsValue = listValue.refine(
  (urls) => urls.length === shardCount,
  `must be ${shardCount} addresses in shard order`,
);
