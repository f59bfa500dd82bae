import pg from 'pg';
import { failure } from '../../errors.ts';
import { shardConnectTimeoutMs, shardIdleMs } from '../../limits.ts';
import type { Logger } from '../../runtime/logger.ts';
import { toOdometerError } from './shard-error.ts';
import type { IdentityCheck } from './shard-identity.ts';

/** Where a client of shards reports warnings and refused logins. */
export interface ShardListeners {
  readonly logger?: Logger | undefined;
  /** The server refused our login. */
  readonly onRefused?: (() => void) | undefined;
}

export interface ShardPoolSettings extends ShardListeners {
  readonly url: string;
  readonly identity: IdentityCheck;
  readonly applicationName: string;
  readonly connectionsMax: number;
  readonly lockTimeoutMs: number;
  readonly statementTimeoutMs: number;
  readonly idleInTransactionTimeoutMs: number;
}

/** Connections to one shard, each checked against the identity row before its first use. */
export class ShardPool {
  readonly #settings: ShardPoolSettings;
  #pool: pg.Pool;

  constructor(settings: ShardPoolSettings) {
    this.#settings = settings;
    this.#pool = createPool(settings);
  }

  /** A checked connection, new or idle before; the caller releases it. Throws OdometerError. */
  async connect(): Promise<pg.PoolClient> {
    try {
      return await this.#pool.connect();
    } catch (error) {
      const failure = toOdometerError(error);
      if (failure.code === 'credentials_refused') this.#settings.onRefused?.();
      throw failure;
    }
  }

  /** Drops the idle connections, which may all be broken: the next `connect` opens a new one. */
  dropIdle(): void {
    const dropped = this.#pool;
    this.#pool = createPool(this.#settings);
    // It ends when the connections in use are released.
    dropped.end().catch(() => undefined);
  }

  end(): Promise<void> {
    return this.#pool.end();
  }
}

/** Error events, which would end the process, are logged: the next statement on the connection fails by itself. */
function createPool(settings: ShardPoolSettings): pg.Pool {
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
  // Translated, because the driver's own error carries its whole client.
  const note = (error: Error): void =>
    logger?.warn({ ...failure(toOdometerError(error)), shard: identity.shard }, 'shard connection');
  pool.on('error', note);
  pool.on('connect', (client) => {
    client.on('error', note);
  });
  return pool;
}

/** Runs `work` on a connection of the pool and discards the connection when it throws. */
export async function withConnection<T>(
  pool: ShardPool,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  let failed = true;
  try {
    const value = await work(client);
    failed = false;
    return value;
  } finally {
    client.release(failed);
  }
}
