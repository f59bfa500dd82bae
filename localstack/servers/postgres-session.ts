import pg from 'pg';

const connectMs = 3_000;

/** A short session on one database for what is outside the schema: databases, logins, extensions. */
export async function inSession<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: connectMs });
  // A server that is killed ends idle connections with an event, which would end this process if unheard.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** One statement in a session of its own. */
// Same type: an address is no statement; the first call fails.
export function oneStatement(url: string, sql: string): Promise<void> {
  return inSession(url, async (client) => {
    await client.query(sql);
  });
}
