import { setTimeout as delay } from 'node:timers/promises';
import { inSession } from '../../../localstack/servers/postgres-session.ts';

/** A backend ends a moment after its client has hung up. */
const settleMs = 3000;
const pollMs = 50;

const others = `select usename || ' of ' || coalesce(application_name, '') || ' in ' || datname as session
  from pg_stat_activity
  where backend_type = 'client backend' and pid <> pg_backend_pid()`;

/** A sentence for each session that is open on a server besides the one that asks; in one database, if it is given. */
export async function sessionsLeft(superuserUrl: string, options: { readonly database?: string } = {}) {
  return inSession(superuserUrl, async (client) => {
    const endMs = performance.now() + settleMs;
    for (;;) {
      const { rows } = await client.query<{ session: string }>(
        `${others} and ($1::text is null or datname = $1)`,
        [options.database ?? null],
      );
      if (rows.length === 0 || performance.now() > endMs)
        return rows.map(({ session }) => `a session is open on Postgres: ${session}`);
      await delay(pollMs);
    }
  });
}
