/** Where the containers of `compose.yml` find each other; `test/unit/compose.test.ts` compares the two. */
import { shardDatabase } from '../../shared/contracts/shards.ts';
import { shardCount } from '../../shared/limits.ts';

/** The volume of secrets. */
export const secretsDir = '/run/odometer';
export const brokers = 3;
export const kafkaServers = 'kafka-1:19092,kafka-2:19092,kafka-3:19092';
export const redisHost = 'redis-primary';

/** The DSN of one login on every shard's server, in shard order. */
// Same type: the order in which an address names them.
export function shardUrls(login: string, password: string, databaseOf = shardDatabase): readonly string[] {
  return Array.from(
    { length: shardCount },
    (_, shard) => `postgres://${login}:${password}@shard-${shard}:5432/${databaseOf(shard)}`,
  );
}
