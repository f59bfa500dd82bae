/** What the shards of a running twin hold. */
import { inSession } from '../../localstack/servers/postgres-session.ts';

/** Events that the shards have counted. */
export function countEvents(shards: readonly string[]): Promise<number> {
  return sumOver(shards, 'select coalesce(sum(inserted), 0)::float8 as n from commit_ledger');
}

export function countRows(shards: readonly string[]): Promise<number> {
  return sumOver(shards, 'select count(*)::float8 as n from usage_events');
}

async function sumOver(shards: readonly string[], sql: string): Promise<number> {
  const counts = await Promise.all(
    shards.map((url) =>
      inSession(url, async (client) => (await client.query<{ n: number }>(sql)).rows[0]?.n ?? 0),
    ),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}
