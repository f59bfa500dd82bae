import type pg from 'pg';
import { readAnswerTimeoutMs } from '../../limits.ts';
import { execute } from './execute.ts';
import { type ReadingPool, withReading } from './reader-pool.ts';
import { loadSql } from './sql.ts';

const setOrganization = loadSql('set-organization');

/**
 * The one way to read tenant tables (U10): `read` runs in a read-only transaction whose organization is set
 * for that transaction alone, so that the next user of the connection does not inherit it.
 */
export function asTenant<T>(
  pool: ReadingPool,
  organization: string,
  read: (client: pg.ClientBase) => Promise<T>,
): Promise<T> {
  return withReading(pool, async (client) => {
    await execute(client, setOrganization, [organization], readAnswerTimeoutMs);
    return read(client);
  });
}
