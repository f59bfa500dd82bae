import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../client/client.ts';
import { usageTopic } from '../../shared/contracts/topic.ts';
import { createKafka } from '../../shared/log/kafka/kafkajs.ts';
import { createLogReader } from '../../shared/log/kafka/log-reader.ts';
import { partitionOf, shardOf } from '../../shared/log/routing.ts';
import { rowsOf } from '../harness/pipeline/isolation.ts';
import { differencesOf } from '../harness/twin/count.ts';
import { loseTail } from '../harness/twin/lose-tail.ts';
import { startTwin, type Twin } from '../harness/twin/twin.ts';

const { name: topic, partitions, consumerGroup: groupId } = usageTopic;
const organizations = 40;
const retry = { attemptsMax: 60, delayMsMin: 50, delayMsMax: 1000 };
const patience = { timeout: 60_000, interval: 200 };

let twin: Twin;
let client: ReturnType<typeof createClient>;
beforeAll(async () => {
  twin = await startTwin();
  client = createClient({ url: twin.endpoints().api, retry });
});
afterAll(async () => {
  await client?.close();
  await twin?.stop();
});

const names = Array.from({ length: organizations }, (_, i) => `tail_${i}`);
const homeOf = (name: string) => partitionOf(name, partitions);
const used = [...new Set(names.map(homeOf))];

/** An event of its own request and record for every organization. */
async function sendOneEach(round: string, quantity: string): Promise<void> {
  for (const name of names) {
    const event = { organization_id: name, metric_name: 'calls', quantity, idempotency_key: round };
    await client.sendBatch([{ ...event, timestamp: new Date().toISOString() }]);
  }
}

async function logEnds(): Promise<ReadonlyMap<number, number>> {
  const reader = createLogReader({ bootstrapServers: twin.endpoints().kafka, topic });
  const bounds = await reader.bounds().finally(() => reader.close());
  return new Map(used.map((partition) => [partition, bounds.get(partition)?.end ?? -1]));
}

/** Where the consumer's group goes on, which it writes after what came before is stored. */
async function groupOffsets(): Promise<ReadonlyMap<number, number>> {
  const admin = createKafka({ bootstrapServers: twin.endpoints().kafka }).admin();
  await admin.connect();
  const fetched = async () => {
    // The client finds the group's broker only when it has read a topic's metadata.
    await admin.fetchTopicOffsets(topic);
    return await admin.fetchOffsets({ groupId, topics: [topic] });
  };
  const [found] = await fetched().finally(() => admin.disconnect());
  const offsets = new Map(found?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
  return new Map(used.map((partition) => [partition, offsets.get(partition) ?? -1]));
}

async function progressOf() {
  const shards = twin
    .endpoints()
    .shards.map((url) =>
      rowsOf(url, 'select partition, next_offset::int as next, halt_code as halt from partition_progress'),
    );
  const rows = (await Promise.all(shards)).flat();
  return new Map(rows.map((row) => [Number(row['partition']), row] as const));
}

async function nextOffsets(): Promise<ReadonlyMap<number, number>> {
  const progress = await progressOf();
  return new Map(used.map((partition) => [partition, Number(progress.get(partition)?.['next'])]));
}

/** What of each round is counted for an organization. */
async function countedOf(name: string): Promise<readonly string[]> {
  const url = twin.endpoints().shards[shardOf(homeOf(name))] ?? '';
  const rows = await rowsOf(
    url,
    `select idempotency_key || ' ' || trim_scale(quantity) as counted from usage_events
     where organization_id = '${name}' order by idempotency_key`,
  );
  return rows.map(({ counted }) => String(counted));
}

describe('a broker that lost its tail, and was written past it again', () => {
  it('U7: counts what the log holds: nothing of the lost tail, all of what came after', async () => {
    await sendOneEach('before', '1');
    const kept = await logEnds();
    await expect.poll(nextOffsets, patience).toEqual(kept);

    const flusher = twin.kill('flusher', 'SIGSTOP');
    await sendOneEach('lost-1', '100');
    await sendOneEach('lost-2', '100');
    const lost = await logEnds();
    await expect.poll(groupOffsets, patience).toEqual(lost);
    const consumer = twin.kill('consumer', 'SIGSTOP');

    // Stopped, then killed: it writes nothing in between.
    const broker = twin.kill('kafka', 'SIGSTOP');
    for (const [partition, offset] of kept) {
      const folder = join(twin.dataDir, 'kafka', 'node1', 'data', `${topic}-${partition}`);
      loseTail({ folder, offset });
    }
    process.kill(broker, 'SIGKILL');
    await twin.restarted('kafka', broker);
    expect(await logEnds()).toEqual(kept);

    for (const round of ['after-1', 'after-2', 'after-3']) await sendOneEach(round, '5');
    process.kill(consumer, 'SIGCONT');
    process.kill(flusher, 'SIGCONT');
    await sendOneEach('after-4', '5');
    const ends = await logEnds();
    for (const [partition, end] of ends) expect(end).toBeGreaterThan(lost.get(partition) ?? 0);
    await expect.poll(nextOffsets, { ...patience, timeout: 90_000 }).toEqual(ends);

    const counted = new Map(
      await Promise.all(names.map(async (name) => [name, await countedOf(name)] as const)),
    );
    const whole = ['after-1 5', 'after-2 5', 'after-3 5', 'after-4 5', 'before 1'];
    expect(counted).toEqual(new Map(names.map((name) => [name, whole])));
    expect([...(await progressOf()).values()].filter(({ halt }) => halt !== null)).toEqual([]);
    expect(await differencesOf(twin)).toEqual([]);
  });
});
