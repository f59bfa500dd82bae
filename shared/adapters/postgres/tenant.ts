import type pg from 'pg';
import { execute } from './execute.ts';
import { withConnection } from './shard-pool.ts';
import { loadSql } from './sql.ts';

const setOrganization = loadSql('set-organization');

/**
 * The one way to read tenant tables (U10): `read` runs in a read-only transaction whose organization is set
 * for that transaction alone, so that the next user of the connection does not inherit it.
 */
export function asTenant<T>(
  pool: pg.Pool,
  organization: string,
  read: (client: pg.ClientBase) => Promise<T>,
): Promise<T> {
  return withConnection(pool, async (client) => {
    await execute(client, 'begin read only');
    await execute(client, setOrganization, [organization]);
    const value = await read(client);
    await execute(client, 'commit');
    return value;
  });
}
