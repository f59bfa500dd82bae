/** The databases and logins of the shards, once, for the local servers and the CDK stacks; the migrations make the roles. */
import {
  ENV_SHARD_AUTHORIZER_URLS,
  ENV_SHARD_KEYS_URLS,
  ENV_SHARD_OPERATOR_URLS,
  ENV_SHARD_OWNER_URLS,
  ENV_SHARD_READER_URLS,
  ENV_SHARD_WRITER_URLS,
} from './env.ts';

/**
 * Each login's role in Postgres, and the variable that holds its DSNs in shard order. The secret of that variable is
 * in `secretNames`.
 */
export const shardLogins = {
  /** Commits ranges of the log. */
  writer: { role: 'odometer_writer', variable: ENV_SHARD_WRITER_URLS },
  /** Reads totals, one organization at a time. */
  reader: { role: 'odometer_reader', variable: ENV_SHARD_READER_URLS },
  /** Reads API keys, and says when one was used. */
  authorizer: { role: 'odometer_authorizer', variable: ENV_SHARD_AUTHORIZER_URLS },
  /** Makes and revokes API keys; it can delete none. */
  keys: { role: 'odometer_keys', variable: ENV_SHARD_KEYS_URLS },
  /** Reads everything, for people and for the operator function. */
  operator: { role: 'billing', variable: ENV_SHARD_OPERATOR_URLS },
  /** Owns the schema and migrates it: it may create roles, and is no superuser. */
  owner: { role: 'odometer_owner', variable: ENV_SHARD_OWNER_URLS },
} as const;

export type ShardLogin = keyof typeof shardLogins;

// The keys of `shardLogins` are the type's members.
export const shardLoginNames = Object.keys(shardLogins) as readonly ShardLogin[];

/** The database on the server of a shard. */
export function shardDatabase(shard: number): string {
  return `billing_shard_${shard}`;
}
