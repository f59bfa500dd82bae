import type pg from 'pg';
import { readAnswerTimeoutMs } from '../../limits.ts';
import { execute } from './execute.ts';
import { type ReadingPool, withReading } from './reader-pool.ts';
import { loadSql } from './sql.ts';

const setOrganization = loadSql('set-organization');
const setAcross = loadSql('set-across');

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

/**
 * The one way to read rows of all organizations (U10): for a place that a receipt names, whose row alone says whose it is,
 * and for administrators' lists. In a read-only transaction; the next user of the connection sees nothing.
 */
export function acrossTenants<T>(pool: ReadingPool, read: (client: pg.ClientBase) => Promise<T>): Promise<T> {
  return withReading(pool, async (client) => {
    await execute(client, setAcross, undefined, readAnswerTimeoutMs);
    return read(client);
  });
}
