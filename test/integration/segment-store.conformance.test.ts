/** What `shared/segments/segment-store.ts` promises, on real Redis; whatever implements the port passes this file. */
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { segmentAppendTimeoutMs } from '../../shared/limits.ts';
import { createSegmentStore } from '../../shared/segments/redis/segment-store.ts';
import type { SegmentStore, StoredRange } from '../../shared/segments/segment-store.ts';

const bytes = Buffer.from('segment');
const recordHash = 'ab'.repeat(32);
const otherHash = 'cd'.repeat(32);
const topic = `test.${randomBytes(6).toString('hex')}`;
let store: SegmentStore;
let redis: Redis;
let partitions = 0;

beforeAll(() => {
  store = createSegmentStore({ url: inject('servers').redis, topic });
  redis = new Redis(inject('servers').redis);
});

afterAll(async () => {
  await store.close();
  redis.disconnect();
});

/** A partition that no other test uses, with these ranges stored. */
async function partitionWith(...ranges: [number, number][]): Promise<number> {
  partitions += 1;
  for (const [from, to] of ranges)
    expect(await store.append(partitions, { from, to, events: to - from, recordHash }, bytes)).toBe('stored');
  return partitions;
}

async function rangesOf(partition: number): Promise<readonly StoredRange[]> {
  return (await store.list([partition], 100)).get(partition) ?? [];
}

const placesOf = async (partition: number) => (await rangesOf(partition)).map(({ from, to }) => [from, to]);

describe('append', () => {
  it('keeps every byte, and lists in offset order', async () => {
    const partition = await partitionWith([1000, 1100], [20, 30], [3, 9]);
    const segment = randomBytes(100_000);
    await store.append(partition, { from: 200, to: 201, events: 7, recordHash }, segment);
    expect(await placesOf(partition)).toEqual([
      [3, 9],
      [20, 30],
      [200, 201],
      [1000, 1100],
    ]);
    expect(await rangesOf(partition)).toContainEqual({ from: 200, to: 201, events: 7 });
    expect(await store.read(partition, [200])).toEqual([segment]);
  });

  it.each([
    ['the same range', 10, 20, [30]],
    ['its start', 5, 11, [30]],
    ['its end', 19, 25, [30]],
    ['inside', 12, 13, [30]],
    ['around', 0, 100, []],
    ['the next one', 25, 31, [10]],
    ['around the next one', 20, 45, [10]],
    ['both', 19, 31, []],
  ])('U7: other records that overlap %s replace what they overlap', async (_, from, to, left) => {
    const partition = await partitionWith([10, 20], [30, 40]);
    const other = Buffer.from('other');
    const range = { from, to, events: 1, recordHash: otherHash };
    expect(await store.append(partition, range, other)).toBe('replaced');
    const places = [[from, to], ...left.map((start) => [start, start + 10])];
    expect(await placesOf(partition)).toEqual(places.sort(([a = 0], [b = 0]) => a - b));
    expect(await store.read(partition, [from, ...left])).toEqual([other, ...left.map(() => bytes)]);
    await store.deleteBelow({ partition, nextOffset: 1000 });
    expect(await redis.keys(`*{${topic}:${partition}}*`)).toEqual([]);
  });

  it('U3: what was stored with the same last record changes nothing', async () => {
    const partition = await partitionWith([10, 20], [30, 40]);
    const range = { from: 10, to: 20, events: 10, recordHash };
    expect(await store.append(partition, range, Buffer.from('other'))).toBe('redelivered');
    expect(await placesOf(partition)).toEqual([
      [10, 20],
      [30, 40],
    ]);
    expect(await store.read(partition, [10, 30])).toEqual([bytes, bytes]);
  });

  it('a range that touches its neighbours fits, and a gap is allowed', async () => {
    const partition = await partitionWith([10, 20], [30, 40], [20, 30], [0, 10], [90, 91]);
    expect((await placesOf(partition)).length).toBe(5);
  });

  it('of concurrent redeliveries stores one, and of those in other batches the last', async () => {
    const partition = await partitionWith();
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        store.append(partition, { from: i % 3, to: 5, events: 1, recordHash }, bytes),
      ),
    );
    expect(outcomes.filter((outcome) => outcome === 'stored')).toHaveLength(1);
    expect(await placesOf(partition)).toHaveLength(1);
    const again = Array.from({ length: 20 }, () =>
      store.append(partition, { from: 7, to: 9, events: 1, recordHash }, bytes),
    );
    expect((await Promise.all(again)).filter((outcome) => outcome === 'redelivered')).toHaveLength(19);
  });

  it('offsets up to 2^53 keep their digits', async () => {
    const to = Number.MAX_SAFE_INTEGER;
    const partition = await partitionWith([to - 2, to - 1], [to - 1, to]);
    expect(await placesOf(partition)).toEqual([
      [to - 2, to - 1],
      [to - 1, to],
    ]);
  });

  it('above the byte limit of a partition is full, until something is deleted', async () => {
    const small = createSegmentStore({
      url: inject('servers').redis,
      topic: `${topic}.small`,
      partitionBytesMax: 10,
    });
    expect(await small.append(0, { from: 0, to: 1, events: 1, recordHash }, Buffer.alloc(6))).toBe('stored');
    expect(await small.append(0, { from: 1, to: 2, events: 1, recordHash }, Buffer.alloc(5))).toBe('full');
    expect(await small.append(1, { from: 1, to: 2, events: 1, recordHash }, Buffer.alloc(5))).toBe('stored');
    expect(await small.append(0, { from: 1, to: 2, events: 1, recordHash }, Buffer.alloc(4))).toBe('stored');
    await small.deleteBelow({ partition: 0, nextOffset: 1 });
    expect(await small.append(0, { from: 2, to: 3, events: 1, recordHash }, Buffer.alloc(6))).toBe('stored');
    expect(await small.append(0, { from: 3, to: 4, events: 1, recordHash }, Buffer.alloc(1))).toBe('full');
    const replacing = { from: 2, to: 3, events: 1, recordHash: otherHash };
    expect(await small.append(0, replacing, Buffer.alloc(7))).toBe('full');
    expect(await small.append(0, replacing, Buffer.alloc(5))).toBe('replaced');
    expect(await small.append(0, { from: 3, to: 4, events: 1, recordHash }, Buffer.alloc(1))).toBe('stored');
    await small.close();
  });
});

describe('list and read', () => {
  it('list several partitions, at most as many ranges each as asked for', async () => {
    const many = await partitionWith([0, 1], [1, 2], [2, 3]);
    const none = await partitionWith();
    const lists = await store.list([many, none], 2);
    expect(lists.get(many)?.map(({ from }) => from)).toEqual([0, 1]);
    expect(lists.get(none)).toEqual([]);
  });

  it('read null where a segment is gone', async () => {
    const partition = await partitionWith([0, 5]);
    expect(await store.read(partition, [3, 0, 99])).toEqual([null, bytes, null]);
    expect(await store.read(partition, [])).toEqual([]);
  });
});

describe('delete', () => {
  it('deletes every segment that starts below, straddling or not', async () => {
    const partition = await partitionWith([0, 10], [10, 20], [20, 30]);
    await store.deleteBelow({ partition, nextOffset: 15 });
    expect(await placesOf(partition)).toEqual([[20, 30]]);
    expect(await store.read(partition, [0, 10, 20])).toEqual([null, null, bytes]);
  });

  it('deletes one segment by its start, and nothing where there is none', async () => {
    const partition = await partitionWith([0, 10], [10, 20]);
    await store.delete({ partition, from: 10 });
    await store.delete({ partition, from: 5 });
    expect(await placesOf(partition)).toEqual([[0, 10]]);
  });

  it('leaves no key behind', async () => {
    const partition = await partitionWith([0, 10], [10, 20]);
    expect(await redis.keys(`*{${topic}:${partition}}*`)).not.toEqual([]);
    await store.deleteBelow({ partition, nextOffset: 20 });
    expect(await redis.keys(`*{${topic}:${partition}}*`)).toEqual([]);
  });

  it('many segments at once', async () => {
    const partition = await partitionWith();
    for (let from = 0; from < 500; from += 1)
      await store.append(partition, { from, to: from + 1, events: 1, recordHash }, bytes);
    await store.deleteBelow({ partition, nextOffset: 499 });
    expect(await placesOf(partition)).toEqual([[499, 500]]);
  });
});

describe('U6: Redis trouble', () => {
  it('scripts that the server forgot are sent again', async () => {
    const partition = await partitionWith([0, 1]);
    await redis.script('FLUSH');
    expect(await store.append(partition, { from: 1, to: 2, events: 1, recordHash }, bytes)).toBe('stored');
    await redis.script('FLUSH');
    await store.deleteBelow({ partition, nextOffset: 2 });
    expect(await placesOf(partition)).toEqual([]);
  });

  it('a connection that was cut is made again', async () => {
    const partition = await partitionWith([0, 1]);
    await redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await expect
      .poll(() =>
        store.append(partition, { from: 1, to: 2, events: 1, recordHash }, bytes).catch(() => 'failed'),
      )
      .not.toBe('failed');
    expect(await placesOf(partition)).toEqual([
      [0, 1],
      [1, 2],
    ]);
  });

  it('everything lost is only empty', async () => {
    const partition = await partitionWith([0, 1]);
    const keys = await redis.keys(`*{${topic}:*`);
    await redis.del(...keys);
    expect(await rangesOf(partition)).toEqual([]);
    expect(await store.read(partition, [0])).toEqual([null]);
    await store.deleteBelow({ partition, nextOffset: 5 });
    expect(await store.append(partition, { from: 0, to: 1, events: 1, recordHash }, bytes)).toBe('stored');
  });

  it('a server that is not there fails at once, without an unhandled error', async () => {
    const lost = createSegmentStore({ url: 'redis://127.0.0.1:1', topic });
    await expect(lost.append(0, { from: 0, to: 1, events: 1, recordHash }, bytes)).rejects.toMatchObject({
      code: 'segments_unavailable',
      retryable: true,
    });
    await expect(lost.list([0], 1)).rejects.toMatchObject({ code: 'segments_unavailable' });
    await lost.close();
  });

  it('a server that says nothing costs an append its time limit', async () => {
    const silent = createServer((socket) => void socket.on('error', () => {}).resume());
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = silent.address();
    const url = `redis://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
    const slow = createSegmentStore({ url, topic });
    const started = performance.now();
    await expect(slow.append(0, { from: 0, to: 1, events: 1, recordHash }, bytes)).rejects.toMatchObject({
      code: 'segments_unavailable',
    });
    expect(performance.now() - started).toBeLessThan(segmentAppendTimeoutMs + 250);
    await slow.close();
    await new Promise((resolve) => silent.close(resolve));
  });

  it('a full server refuses before anything is written', async () => {
    const partition = await partitionWith([0, 1]);
    await redis.config('SET', 'maxmemory', '1');
    const append = store.append(partition, { from: 1, to: 2, events: 1, recordHash }, bytes);
    await expect(append).rejects.toMatchObject({ code: 'segments_unavailable' });
    await redis.config('SET', 'maxmemory', '0');
    expect(await placesOf(partition)).toEqual([[0, 1]]);
    expect(await store.append(partition, { from: 1, to: 2, events: 1, recordHash }, bytes)).toBe('stored');
  });

  it('a server that may evict is refused at start', async () => {
    await store.assertNothingEvicted();
    const before = (await redis.config('GET', 'maxmemory-policy')) as string[];
    await redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await expect(store.assertNothingEvicted()).rejects.toMatchObject({ code: 'segments_evictable' });
    await redis.config('SET', 'maxmemory-policy', before[1] ?? 'noeviction');
    await store.assertNothingEvicted();
  });
});
