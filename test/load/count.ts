/** How many events of a run are counted: asked of the shards where they can be reached, else of the API. */
import { setTimeout } from 'node:timers/promises';
import { createClient } from '../../client/client.ts';
import { inSession } from '../../localstack/servers/postgres-session.ts';

const drainMsMax = 120_000;
const pollMs = 200;
/** As many as the scenario writes to. */
const organizations = Array.from({ length: 1000 }, (_, index) => `org_${index + 1}`);

/** Waits until at least `accepted` events of this run are rows, and answers how many there are. */
export async function countInShards(urls: readonly string[], run: string, accepted: number): Promise<number> {
  const giveUpMs = Date.now() + drainMsMax;
  for (;;) {
    const counts = await Promise.all(urls.map((url) => countInShard(url, run)));
    const counted = counts.reduce((sum, count) => sum + count, 0);
    if (counted >= accepted || Date.now() >= giveUpMs) return counted;
    await setTimeout(pollMs);
  }
}

// Same type: a run's name is no address; a swap does not connect.
function countInShard(url: string, run: string): Promise<number> {
  const sql = 'select count(*)::int as n from usage_events where starts_with(idempotency_key, $1)';
  return inSession(url, async (client) => (await client.query<{ n: number }>(sql, [run])).rows[0]?.n ?? 0);
}

/**
 * The sum of today's event counts of all organizations of the scenario, once everything accepted before now is
 * in them. Two such sums around a run differ by what the run added, if nobody else sends for them meanwhile.
 */
// Same type: a token is no address; a swap does not connect.
export async function countInSummaries(url: string, token: string | undefined): Promise<number> {
  const client = createClient({ url, ...(token === undefined ? {} : { token }) });
  const nowMs = Date.now();
  try {
    const summaries = await Promise.all(
      organizations.map((name) => client.waitUntilComplete(name, nowMs, { timeoutMs: drainMsMax })),
    );
    return summaries.flatMap(({ metrics }) => metrics).reduce((sum, metric) => sum + metric.event_count, 0);
  } finally {
    await client.close();
  }
}
