import type pg from 'pg';
import { OdometerError } from '../../errors.ts';
import {
  idleInTransactionTimeoutMs,
  lockTimeoutMs,
  readAnswerTimeoutMs,
  readStatementTimeoutMs,
  shardReadConnectionsMax,
  wakeAnswerTimeoutMs,
} from '../../limits.ts';
import { routeMapVersion } from '../../log/routing.ts';
import { execute } from './execute.ts';
import { IdentityCheck } from './shard-identity.ts';
import { type ShardListeners, ShardPool } from './shard-pool.ts';

export interface ReaderPoolsSettings extends ShardListeners {
  /** DSNs of the reader login, in shard order. */
  readonly urls: readonly string[];
}

/** Connections of the reader login to each shard. */
export function createReaderPools(
  { urls, logger, onRefused }: ReaderPoolsSettings,
  applicationName: string,
): readonly ShardPool[] {
  return urls.map(
    (url, shard) =>
      new ShardPool({
        url,
        identity: new IdentityCheck({ shard, mapVersion: routeMapVersion }),
        applicationName,
        connectionsMax: shardReadConnectionsMax,
        lockTimeoutMs,
        statementTimeoutMs: readStatementTimeoutMs,
        idleInTransactionTimeoutMs,
        logger,
        onRefused,
      }),
  );
}

/** The part of a pool that a read uses. */
export type ReadingPool = Pick<ShardPool, 'connect' | 'dropIdle'>;

/** Runs `read` in a read-only transaction and discards the connection when it throws. */
export async function withReading<T>(
  pool: ReadingPool,
  read: (client: pg.ClientBase) => Promise<T>,
): Promise<T> {
  const client = await beginReading(pool);
  let failed = true;
  try {
    const value = await read(client);
    await execute(client, 'commit', undefined, readAnswerTimeoutMs);
    failed = false;
    return value;
  } finally {
    client.release(failed);
  }
}

/**
 * A function that was frozen may hold connections that broke meanwhile without a notice. If one does not begin soon,
 * all idle ones are dropped and the read begins on a new one, once: nothing was read yet.
 */
async function beginReading(pool: ReadingPool): Promise<pg.PoolClient> {
  const client = await pool.connect();
  try {
    return await begun(client);
  } catch (error) {
    if (!(error instanceof OdometerError) || error.code !== 'shard_unavailable') throw error;
  }
  pool.dropIdle();
  return begun(await pool.connect());
}

async function begun(client: pg.PoolClient): Promise<pg.PoolClient> {
  try {
    await execute(client, 'begin read only', undefined, wakeAnswerTimeoutMs);
    return client;
  } catch (error) {
    client.release(true);
    throw error;
  }
}
