/** What `shared/log/event-log.ts` promises, on real Kafka; whatever implements the ports passes this file. */
import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureTopic } from '../../localstack/servers/topic-admin.ts';
import { envelopeBytesMax, gapReadBytesMax, produceEnvelopesMax } from '../../shared/limits.ts';
import type { EventLogReader, EventLogWriter, LogRecord } from '../../shared/log/event-log.ts';
import { createLogReader } from '../../shared/log/kafka/log-reader.ts';
import { createLogWriter } from '../../shared/log/kafka/log-writer.ts';
import { type FreshTopic, freshTopic } from '../harness/pipeline/isolation.ts';

const partitions = 4;
let topic: FreshTopic;
let writer: EventLogWriter;
let reader: EventLogReader;

beforeAll(async () => {
  topic = await freshTopic(partitions);
  writer = createLogWriter(topic);
  reader = createLogReader(topic);
});

afterAll(async () => {
  await Promise.all([writer?.close(), reader?.close()]);
});

/** A topic of its own for tests that look at its start or end. */
async function emptyLog() {
  const own = await freshTopic(partitions);
  return { topic: own, writer: createLogWriter(own), reader: createLogReader(own) };
}

async function readAll(from: EventLogReader, partition: number, bytesMax = 1 << 20): Promise<LogRecord[]> {
  const { start, end } = (await from.bounds()).get(partition) ?? { start: 0, end: 0 };
  const records: LogRecord[] = [];
  for (let at = start; at < end; at = (records.at(-1)?.offset ?? end) + 1) {
    const list = (await from.read([{ partition, from: at, bytesMax }])).get(partition) ?? [];
    expect(list.length, 'at least one record is returned if there is one').toBeGreaterThan(0);
    records.push(...list);
  }
  return records;
}

describe('U1: an append', () => {
  it('answers partition and offset of each record in the order given', async () => {
    const log = await emptyLog();
    const value = Buffer.from('x');
    const given = [2, 0, 2, 1, 0].map((partition) => ({ partition, value }));
    expect(await log.writer.append(given)).toEqual([
      { partition: 2, offset: 0 },
      { partition: 0, offset: 0 },
      { partition: 2, offset: 1 },
      { partition: 1, offset: 0 },
      { partition: 0, offset: 1 },
    ]);
    await Promise.all([log.writer.close(), log.reader.close()]);
  });

  it('keeps every byte of every record where it says', async () => {
    const values = [Buffer.alloc(0), Buffer.from([0, 255, 10, 13]), Buffer.alloc(256 * 1024, 7)];
    const appended = await writer.append(values.map((value) => ({ partition: 1, value })));
    for (const [index, { partition, offset }] of appended.entries()) {
      const [first] = (await reader.read([{ partition, from: offset, bytesMax: 1 }])).get(partition) ?? [];
      expect(first?.offset).toBe(offset);
      expect(first?.value.equals(values[index] ?? Buffer.from('none'))).toBe(true);
    }
  });

  it('concurrent appends are all kept once', async () => {
    const log = await emptyLog();
    // A busy machine may need longer than the limit for so many single requests; none may be lost.
    const patient = createLogWriter({ ...log.topic, timeoutMs: 30_000 });
    const texts = Array.from({ length: 200 }, (_, i) => `record ${i}`);
    const appended = await Promise.all(
      texts.map((text, i) => patient.append([{ partition: i % partitions, value: Buffer.from(text) }])),
    );
    const kept = new Map<string, string>();
    for (let partition = 0; partition < partitions; partition += 1)
      for (const { offset, value } of await readAll(log.reader, partition))
        kept.set(`${partition}:${offset}`, value.toString());
    expect(kept.size).toBe(texts.length);
    for (const [i, [place]] of appended.entries())
      expect(kept.get(`${place?.partition}:${place?.offset}`)).toBe(texts[i]);
    await Promise.all([patient.close(), log.writer.close(), log.reader.close()]);
  });

  it('connects ahead of the first append where it is asked to, and says in time that there is no server', async () => {
    const early = createLogWriter(topic);
    await early.connect();
    expect(await early.append([{ partition: 0, value: Buffer.from('first') }])).toHaveLength(1);
    await early.close();
    const lost = createLogWriter({ ...topic, bootstrapServers: '127.0.0.1:1', timeoutMs: 500 });
    await expect(lost.connect()).rejects.toThrow();
    await lost.close();
  });

  it('gives partitions of one broker one lane once it knows the leaders', async () => {
    await writer.append([{ partition: 0, value: Buffer.from('x') }]);
    const lanes = Array.from({ length: partitions }, (_, partition) => writer.laneOf(partition));
    expect(new Set(lanes).size).toBe(1);
    expect(lanes[0]).toBeGreaterThanOrEqual(0);
  });

  it('gives a partition without a known leader a lane of its own', () => {
    const lanes = [0, 1, 2, 3].map((partition) => createLogWriter(topic).laneOf(partition));
    expect(new Set(lanes).size).toBe(4);
  });

  it('to a partition that does not exist fails in time, as log_unavailable', async () => {
    const short = createLogWriter({ ...topic, timeoutMs: 500 });
    const started = performance.now();
    const append = short.append([{ partition: 99, value: Buffer.from('x') }]);
    await expect(append).rejects.toMatchObject({ code: 'log_unavailable', retryable: true });
    expect(performance.now() - started).toBeLessThan(2000);
    await short.close();
  });
});

describe('a broker that accepts connections and says nothing', () => {
  it('costs a writer its timeout and a reader a bounded time', async () => {
    const silent = createServer((socket) => void socket.on('error', () => {}).resume());
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = silent.address();
    const bootstrapServers = `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
    const deaf = createLogWriter({ bootstrapServers, topic: 'any', timeoutMs: 700 });
    const blind = createLogReader({ bootstrapServers, topic: 'any' });
    const started = performance.now();
    await expect(deaf.append([{ partition: 0, value: Buffer.from('x') }])).rejects.toMatchObject({
      code: 'log_unavailable',
    });
    expect(performance.now() - started).toBeLessThan(1500);
    await expect(blind.bounds()).rejects.toMatchObject({ code: 'log_unavailable' });
    expect(performance.now() - started).toBeLessThan(20_000);
    await Promise.all([deaf.close(), blind.close(), new Promise((resolve) => silent.close(resolve))]);
  });
});

describe('a read', () => {
  it('of nothing is empty and asks nobody', async () => {
    const unreachable = createLogReader({ bootstrapServers: '127.0.0.1:1', topic: 'any' });
    expect(await unreachable.read([])).toEqual(new Map());
    await unreachable.close();
  });

  it('of an empty partition is empty, and quick', async () => {
    const log = await emptyLog();
    await log.reader.bounds();
    const started = performance.now();
    const reads = [0, 1, 2, 3].map((partition) => ({ partition, from: 0, bytesMax: 1000 }));
    expect(await log.reader.read(reads)).toEqual(new Map(reads.map(({ partition }) => [partition, []])));
    expect(performance.now() - started).toBeLessThan(500);
    await Promise.all([log.writer.close(), log.reader.close()]);
  });

  it('of any offset starts exactly there, though Kafka answers whole batches', async () => {
    const values = Array.from({ length: 10 }, (_, i) => Buffer.from(String(i)));
    const appended = await writer.append(values.map((value) => ({ partition: 3, value })));
    for (const { offset } of appended) {
      const list = (await reader.read([{ partition: 3, from: offset, bytesMax: 100_000 }])).get(3) ?? [];
      expect(list[0]?.offset).toBe(offset);
      expect(list.map((record) => record.offset)).toEqual(list.map((_, i) => offset + i));
    }
  });

  it('of several partitions gives each at least one record, however few bytes are asked for', async () => {
    const log = await emptyLog();
    const large = Buffer.alloc(200 * 1024, 1);
    for (let partition = 0; partition < partitions; partition += 1)
      await log.writer.append([{ partition, value: large }]);
    const reads = [3, 1, 0, 2].map((partition) => ({ partition, from: 0, bytesMax: 1 }));
    const found = await log.reader.read(reads);
    expect([...found].map(([partition, list]) => [partition, list.length]).sort()).toEqual([
      [0, 1],
      [1, 1],
      [2, 1],
      [3, 1],
    ]);
    await Promise.all([log.writer.close(), log.reader.close()]);
  });

  it('at the end is empty, beyond it is offset_out_of_range', async () => {
    const [end = 0] = [(await reader.bounds()).get(2)?.end];
    expect((await reader.read([{ partition: 2, from: end, bytesMax: 1000 }])).get(2)).toEqual([]);
    await expect(reader.read([{ partition: 2, from: end + 1, bytesMax: 1000 }])).rejects.toMatchObject({
      code: 'offset_out_of_range',
      retryable: false,
    });
  });

  it('several at a time do not disturb each other', async () => {
    await writer.append(
      Array.from({ length: 50 }, (_, i) => ({ partition: i % partitions, value: Buffer.alloc(99) })),
    );
    const lists = await Promise.all(
      Array.from({ length: 40 }, async (_, i) => {
        const partition = i % partitions;
        return (await reader.read([{ partition, from: 0, bytesMax: 10_000 }])).get(partition) ?? [];
      }),
    );
    for (const list of lists) expect(list[0]?.offset).toBe(0);
  });
});

describe('record hashes', () => {
  it('of many offsets come in the order given; null where the log has no such record', async () => {
    const log = await emptyLog();
    const values = Array.from({ length: 30 }, (_, i) => Buffer.from(`record ${i}`));
    await log.writer.append(values.map((value) => ({ partition: 2, value })));
    const offsets = [29, 0, 30, 31, 7, 7, ...Array.from({ length: 20 }, (_, i) => i)];
    const expected = offsets.map((offset) => {
      const value = values[offset];
      return value === undefined ? null : createHash('sha256').update(value).digest('hex');
    });
    const reader = log.reader.ofTopic(await log.reader.topicId());
    expect(await reader.recordHashes(2, offsets)).toEqual(expected);
    expect(await reader.recordHashes(2, [])).toEqual([]);
    await Promise.all([log.writer.close(), log.reader.close()]);
  });
});

describe('one topic by its id', () => {
  it('U7: is read as the log is, and not from another topic of the same name', async () => {
    const log = await emptyLog();
    await log.writer.append([{ partition: 0, value: Buffer.from('x') }]);
    const reads = [{ partition: 0, from: 0, bytesMax: 1 }];
    const { topicId } = log.topic;
    expect(await log.reader.ofTopic(topicId).read(reads)).toEqual(await log.reader.read(reads));
    const gone = log.reader.ofTopic(topic.topicId);
    await expect(gone.read(reads)).rejects.toMatchObject({ code: 'log_unavailable', retryable: true });
    await expect(gone.recordHashes(0, [0])).rejects.toMatchObject({ code: 'log_unavailable' });
    await Promise.all([log.writer.close(), log.reader.close()]);
  });

  it('a read for a gap that begins at the end of the largest batch reaches the next one', async () => {
    const log = await emptyLog();
    const value = Buffer.alloc(produceEnvelopesMax * envelopeBytesMax * 1.9);
    for (let i = 0; i < 2; i++) await log.writer.append([{ partition: 0, value }]);
    const read = await log.reader.read([{ partition: 0, from: 0, bytesMax: gapReadBytesMax }]);
    expect(read.get(0)?.map(({ offset }) => offset)).toEqual([0, 1]);
    await Promise.all([log.writer.close(), log.reader.close()]);
  });
});

describe('bounds', () => {
  it('name every partition and follow the log', async () => {
    const log = await emptyLog();
    expect([...(await log.reader.bounds())].sort(([a], [b]) => a - b)).toEqual(
      [0, 1, 2, 3].map((partition) => [partition, { start: 0, end: 0 }]),
    );
    await log.writer.append([0, 0, 0].map((partition) => ({ partition, value: Buffer.from('x') })));
    expect((await log.reader.bounds()).get(0)).toEqual({ start: 0, end: 3 });
    await Promise.all([log.writer.close(), log.reader.close()]);
  });

  it('of a topic that does not exist are log_unavailable', async () => {
    const none = createLogReader({ ...topic, topic: 'test.none' });
    await expect(none.bounds()).rejects.toMatchObject({ code: 'log_unavailable' });
    await none.close();
  });
});

describe('the topic', () => {
  const plan = () => ({ ...topic, replicationFactor: 1, settings: {} });

  it('is made once and keeps its id', async () => {
    expect(await ensureTopic(plan())).toEqual({ topicId: topic.topicId });
    expect(await reader.topicId()).toBe(topic.topicId);
  });

  it('with another partition count is refused', async () => {
    await expect(ensureTopic({ ...plan(), partitions: partitions + 1 })).rejects.toMatchObject({
      code: 'invariant_broken',
    });
  });
});
