/** The local event source mapping with a real consumer group: nothing is skipped, each partition is in order. */
import type { MSKEvent } from 'aws-lambda';
import { expect, it } from 'vitest';
import { startGroupConsumer } from '../../localstack/runtime/group-consumer.ts';
import { pollInto } from '../../localstack/runtime/poll-into.ts';
import { createLogWriter } from '../../shared/log/kafka/log-writer.ts';
import { FakeLogger } from '../harness/fakes/logger.ts';
import { type FreshTopic, freshTopic } from '../harness/pipeline/isolation.ts';

const partitions = 6;

/** Polls the topic; `answer` says what the function answers to each event. */
function poll(topic: FreshTopic, groupId: string, answer: (event: MSKEvent) => unknown) {
  const delivered = new Map<number, number[]>();
  const stop = pollInto({
    source: topic,
    groupId,
    logger: new FakeLogger(),
    start: startGroupConsumer,
    invoke: async (event) => {
      // The mapping under test makes MSK events.
      const msk = event as MSKEvent;
      const result = answer(msk);
      for (const list of Object.values(msk.records))
        for (const { partition, offset } of list) {
          const offsets = delivered.get(partition) ?? [];
          offsets.push(offset);
          delivered.set(partition, offsets);
        }
      return result;
    },
  });
  return { delivered, stop };
}

async function append(topic: FreshTopic, perPartition: number): Promise<void> {
  const writer = createLogWriter(topic);
  for (let partition = 0; partition < partitions; partition += 1)
    await writer.append(Array.from({ length: perPartition }, () => ({ partition, value: Buffer.from('x') })));
  await writer.close();
}

const upTo = (end: number) => Array.from({ length: end }, (_, offset) => offset);
const allUpTo = (end: number) => new Map(upTo(partitions).map((partition) => [partition, upTo(end)]));
const sorted = (delivered: ReadonlyMap<number, readonly number[]>) =>
  new Map([...delivered].sort(([a], [b]) => a - b));

it('a new group starts at the earliest offset; a restarted one where it stopped', async () => {
  const topic = await freshTopic(partitions);
  await append(topic, 5);
  const first = poll(topic, topic.topic, () => ({ batchItemFailures: [] }));
  await expect.poll(() => sorted(first.delivered), { timeout: 30_000 }).toEqual(allUpTo(5));
  await first.stop();
  await append(topic, 2);
  const second = poll(topic, topic.topic, () => undefined);
  const rest = new Map(upTo(partitions).map((partition) => [partition, [5, 6]]));
  await expect.poll(() => sorted(second.delivered), { timeout: 30_000 }).toEqual(rest);
  await second.stop();
});

it('a partition that fails again and again stops nobody else, and is not skipped', async () => {
  const topic = await freshTopic(partitions);
  let failures = 0;
  const { delivered, stop } = poll(topic, topic.topic, (event) => {
    const poisoned = event.records[`${topic.topic}-2`]?.[0];
    if (poisoned === undefined || failures >= 4) return { batchItemFailures: [] };
    failures += 1;
    const { offset } = poisoned;
    return { batchItemFailures: [{ itemIdentifier: { partition: `${topic.topic}-2`, offset } }] };
  });
  await append(topic, 3);
  await expect.poll(() => delivered.get(5)?.length, { timeout: 30_000 }).toBe(3);
  await append(topic, 3);
  await expect.poll(() => delivered.get(2)?.at(-1), { timeout: 30_000 }).toBe(5);
  expect(failures).toBe(4);
  for (const partition of [0, 1, 3, 4, 5])
    await expect.poll(() => delivered.get(partition), { timeout: 30_000 }).toEqual(upTo(6));
  expect(new Set(delivered.get(2))).toEqual(new Set(upTo(6)));
  await stop();
});
