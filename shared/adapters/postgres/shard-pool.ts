import pg from 'pg';
import { shardConnectTimeoutMs, shardIdleMs } from '../../domain/limits.ts';
import type { Logger } from '../../ports/logger.ts';
import { toOdometerError } from './shard-error.ts';
import type { IdentityCheck } from './shard-identity.ts';

export interface ShardPoolSettings {
  readonly url: string;
  readonly identity: IdentityCheck;
  readonly applicationName: string;
  readonly connectionsMax: number;
  readonly lockTimeoutMs: number;
  readonly statementTimeoutMs: number;
  readonly idleInTransactionTimeoutMs: number;
  readonly logger: Logger | undefined;
}

/**
 * Connections to one shard, each checked against the identity row before its first use. An error of a
 * connection is met by whoever uses it next, so the events that would end the process are only logged.
 */
export function createShardPool(settings: ShardPoolSettings): pg.Pool {
  const { logger, identity } = settings;
  const pool = new pg.Pool({
    connectionString: settings.url,
    application_name: settings.applicationName,
    max: settings.connectionsMax,
    lock_timeout: settings.lockTimeoutMs,
    statement_timeout: settings.statementTimeoutMs,
    idle_in_transaction_session_timeout: settings.idleInTransactionTimeoutMs,
    options: '-c timezone=UTC',
    connectionTimeoutMillis: shardConnectTimeoutMs,
    idleTimeoutMillis: shardIdleMs,
    keepAlive: true,
    verify: (client, done) => {
      identity.check(client).then(
        () => done(),
        (error: Error) => done(error),
      );
    },
  });
  const note = (error: Error): void =>
    logger?.warn({ err: error, shard: identity.shard }, 'shard connection');
  pool.on('error', note);
  pool.on('connect', (client) => {
    client.on('error', note);
  });
  return pool;
}

/** A checked connection of the pool. Throws OdometerError. */
export async function checkOut(pool: pg.Pool): Promise<pg.PoolClient> {
  try {
    return await pool.connect();
  } catch (error) {
    throw toOdometerError(error);
  }
}

/** Runs `work` on a connection of the pool and discards the connection when it throws. */
export async function withConnection<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await checkOut(pool);
  let failed = true;
  try {
    const value = await work(client);
    failed = false;
    return value;
  } finally {
    client.release(failed);
  }
}
