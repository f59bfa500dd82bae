import { setTimeout } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../client/client.ts';
import type { Processes } from '../../shared/contracts/endpoints.ts';
import { countedEvents, differencesOf } from '../harness/twin/count.ts';
import { startLoad } from '../harness/twin/steady-load.ts';
import { startTwin, type Twin } from '../harness/twin/twin.ts';

const seed = 20261123;
const calmMs = 1000;

let twin: Twin;
beforeAll(async () => {
  twin = await startTwin();
});
afterAll(async () => {
  await twin.stop();
});

/** Each round sends keys that no other has sent. */
let rounds = 0;
/** Sends under `fault`, then waits until everything acknowledged is committed, and counts it all again. */
async function countsOnceThrough(fault: () => Promise<void>): Promise<void> {
  const before = await countedEvents(twin);
  rounds += 1;
  const load = startLoad(twin.endpoints().api, seed + rounds);
  await setTimeout(calmMs);
  await fault();
  const during = load.acknowledged();
  await setTimeout(calmMs);
  const sent = await load.stop();
  expect(load.acknowledged()).toBeGreaterThan(during);
  expect(sent.duplicates).toBeGreaterThan(0);
  const stoppedAtMs = Date.now();
  const client = createClient({ url: twin.endpoints().api });
  await Promise.all(sent.organizations.map((name) => client.waitUntilComplete(name, stoppedAtMs)));
  await client.close();
  expect(await countedEvents(twin)).toBe(before + sent.unique);
  expect(await differencesOf(twin)).toEqual([]);
}

/** The process is killed for good, and runs again as another one. */
async function killUnderLoad(role: keyof Processes): Promise<void> {
  await countsOnceThrough(async () => {
    const killed = twin.kill(role, 'SIGKILL');
    expect(await twin.restarted(role, killed)).not.toBe(killed);
  });
}

describe('SIGKILL under load', () => {
  it.each(['api', 'kafka'] as const)('U1: of %s loses nothing that was acknowledged', killUnderLoad);

  it.each(['consumer', 'flusher', 'shard2'] as const)('U2: of %s loses and doubles nothing', killUnderLoad);

  it('U6: of Redis changes no total', () => killUnderLoad('redis'));
});

describe('FLUSHALL under load', () => {
  it('U6: changes no total', async () => {
    const redis = new Redis(twin.endpoints().redis);
    await countsOnceThrough(async () => {
      for (let flush = 0; flush < 5; flush++) {
        // Segments are stored again from the flusher's next pass on, which says of which log they are.
        await expect.poll(() => redis.dbsize(), { timeout: 10_000 }).toBeGreaterThan(0);
        await redis.flushall();
        await setTimeout(calmMs / 5);
      }
    });
    redis.disconnect();
  });
});
