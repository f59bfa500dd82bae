/** A seeded, bounded stream of events through the HTTP API, with retries of events that were sent before. */
import { setTimeout } from 'node:timers/promises';
import type { ClientEvent } from '../../../client/bodies.ts';
import { createClient } from '../../../client/client.ts';

const batchEvents = 40;
const duplicateShare = 0.1;
const organizations = 12;
const lanes = 4;
const batchesMax = 4000;
/** Longer than any restart of a server in these tests. */
const retry = { attemptsMax: 60, delayMsMin: 50, delayMsMax: 1000 };

/** Numbers in [0, 1) that a seed repeats (mulberry32). */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Pace {
  /** How long ago the events happened. */
  readonly agoMs?: number;
  /** Between two batches of a lane. */
  readonly pauseMs?: number;
}

/** Starts sending; `stop` ends it and resolves with what was acknowledged. */
export function startLoad(url: string, seed: number, { agoMs = 0, pauseMs = 0 }: Pace = {}) {
  const random = seededRandom(seed);
  const client = createClient({ url, retry, timeoutMs: 10_000 });
  const sent: ClientEvent[] = [];
  let acknowledged = 0;
  let duplicates = 0;
  let slowestMs = 0;
  let stopping = false;
  function nextEvent(): ClientEvent {
    const earlier = random() < duplicateShare ? sent[Math.floor(random() * sent.length)] : undefined;
    if (earlier !== undefined) {
      duplicates += 1;
      return earlier;
    }
    const event = {
      organization_id: `org_${Math.floor(random() * organizations)}`,
      metric_name: random() < 0.5 ? 'api_calls' : 'storage',
      quantity: (random() * 100).toFixed(3),
      idempotency_key: `seed-${seed}-${sent.length}`,
      timestamp: new Date(Date.now() - agoMs).toISOString(),
    };
    sent.push(event);
    return event;
  }
  async function lane(): Promise<void> {
    for (let batch = 0; batch < batchesMax && !stopping; batch++) {
      const startedMs = performance.now();
      const result = await client.sendBatch(Array.from({ length: batchEvents }, nextEvent));
      if (result.accepted !== batchEvents) throw new Error(`rejected: ${JSON.stringify(result.rejected)}`);
      acknowledged += result.accepted;
      if (pauseMs > 0) await setTimeout(pauseMs);
      slowestMs = Math.max(slowestMs, performance.now() - startedMs);
    }
  }
  const running = Promise.all(Array.from({ length: lanes }, lane));
  let ended: Promise<void> | undefined;
  /** Also where a test fails in between. */
  function end(): Promise<void> {
    stopping = true;
    ended ??= running.then(() => undefined).finally(() => client.close());
    return ended;
  }
  return {
    acknowledged: () => acknowledged,
    end,
    async stop() {
      await end();
      const names = [...new Set(sent.map((event) => event.organization_id))];
      return { unique: sent.length, duplicates, organizations: names, slowestMs };
    },
  };
}
