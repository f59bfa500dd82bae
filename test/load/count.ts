/** How many events of a run are counted: asked of the shards where they can be reached, else of the API. */
import { setTimeout } from 'node:timers/promises';
import { createClient } from '../../client/client.ts';
import { countRows } from '../bench/counted.ts';

const drainMsMax = 120_000;
const pollMs = 200;
/** As many as the scenario writes to. */
const organizations = Array.from({ length: 1000 }, (_, index) => `org_${index + 1}`);

/** Waits until the shards hold at least `wanted` rows of events, and answers how many they hold. */
export async function waitForRows(shards: readonly string[], wanted: number): Promise<number> {
  const giveUpMs = performance.now() + drainMsMax;
  for (;;) {
    const rows = await countRows(shards);
    if (rows >= wanted || performance.now() >= giveUpMs) return rows;
    await setTimeout(pollMs);
  }
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
