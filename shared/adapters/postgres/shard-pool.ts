import pg from 'pg';
import { OdometerError } from '../../domain/errors.ts';
import { shardAnswerTimeoutMs, shardConnectTimeoutMs, shardIdleMs } from '../../domain/limits.ts';
import type { Logger } from '../../ports/logger.ts';
import { toOdometerError } from './shard-error.ts';
import { loadSql } from './sql.ts';

const readIdentity = loadSql('read-identity');

/** What the identity row of a shard must say (U9); a reader does not know the topic. */
export interface ShardIdentity {
  readonly shard: number;
  readonly mapVersion: number;
  readonly topicId?: string;
}

export interface ShardPoolSettings {
  readonly url: string;
  readonly identity: ShardIdentity;
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
      checkIdentity(client, identity).then(
        () => done(),
        (error: unknown) => done(toOdometerError(error)),
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

/** Runs `work` on a connection of the pool and discards the connection when it throws. Throws OdometerError. */
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
  } catch (error) {
    throw toOdometerError(error);
  } finally {
    client.release(failed);
  }
}

/** One statement with a bound on the answer: a server that stands still must not hold the caller. */
export function execute<Row extends pg.QueryResultRow>(
  client: pg.ClientBase,
  text: string,
  values?: readonly unknown[],
): Promise<pg.QueryResult<Row>> {
  const query = values === undefined ? client.query<Row>(text) : client.query<Row>(text, [...values]);
  return withinAnswerTime(query);
}

/** Rejects with `shard_unavailable` when the answer takes too long; the caller then discards the connection. */
export async function withinAnswerTime<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new OdometerError('shard_unavailable', 'the shard does not answer', { retryable: true }));
    }, shardAnswerTimeoutMs);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function checkIdentity(client: pg.ClientBase, expected: ShardIdentity): Promise<void> {
  const { rows } = await execute<{ shard: number; topic_id: string; map_version: number }>(
    client,
    readIdentity,
  );
  const [row] = rows;
  const found =
    row === undefined ? 'no identity' : `shard ${row.shard}, map ${row.map_version}, topic ${row.topic_id}`;
  const same =
    row?.shard === expected.shard &&
    row.map_version === expected.mapVersion &&
    (expected.topicId === undefined || row.topic_id === expected.topicId);
  if (same) return;
  const wanted = `shard ${expected.shard}, map ${expected.mapVersion}, topic ${expected.topicId ?? 'any'}`;
  throw new OdometerError('wrong_shard', `expected ${wanted}; found ${found}`, { retryable: false });
}
