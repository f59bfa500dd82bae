import pg from 'pg';
import { migrationLockTimeoutMs, shardConnectTimeoutMs } from '../../limits.ts';
import { toOdometerError } from './shard-error.ts';

/** Statements of the login that owns the schema; several in one text where there are no values. */
export interface OwnerSession {
  query<Row extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** Runs `work` in one transaction; it is rolled back when `work` throws. */
  transaction<T>(work: () => Promise<T>): Promise<T>;
}

/** Opens one session for `work` and closes it. No statement waits for a lock for long. Throws OdometerError. */
export async function withOwnerSession<T>(
  { ownerUrl, applicationName }: { readonly ownerUrl: string; readonly applicationName: string },
  work: (session: OwnerSession) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({
    connectionString: ownerUrl,
    application_name: applicationName,
    connectionTimeoutMillis: shardConnectTimeoutMs,
    lock_timeout: migrationLockTimeoutMs,
    options: '-c timezone=UTC',
  });
  // A lost connection fails the statement that runs on it; the event itself must not end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(sessionOf(client));
  } catch (error) {
    throw toOdometerError(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

function sessionOf(client: pg.Client): OwnerSession {
  return {
    async query<Row extends pg.QueryResultRow>(text: string, values?: readonly unknown[]) {
      return (
        values === undefined ? await client.query<Row>(text) : await client.query<Row>(text, [...values])
      ).rows;
    },
    async transaction(work) {
      await client.query('begin');
      try {
        const value = await work();
        await client.query('commit');
        return value;
      } catch (error) {
        await client.query('rollback').catch(() => undefined);
        throw error;
      }
    },
  };
}
