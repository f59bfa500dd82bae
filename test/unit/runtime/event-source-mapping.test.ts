import type { MSKEvent } from 'aws-lambda';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EventSourceMapping, type MappingLimits } from '../../../localstack/runtime/event-source-mapping.ts';
import type { PolledRecord } from '../../../localstack/runtime/msk-event.ts';
import { FakeLogger } from '../../harness/fakes/logger.ts';

const windowMs = 100;
const topic = 't';

function records(from: number, to: number, bytes = 10): PolledRecord[] {
  return Array.from({ length: to - from }, (_, i) => ({
    offset: from + i,
    timestampMs: 0,
    key: null,
    value: Buffer.alloc(bytes),
    headers: [],
  }));
}

interface Invocation {
  /** `partition: first-last` of each partition, as delivered. */
  readonly ranges: string[];
  readonly event: MSKEvent;
  readonly succeed: () => void;
  readonly fail: () => void;
  readonly failItems: (...items: [number, number][]) => void;
}

/** A mapping whose invocations the test ends by hand. */
function startMapping(limits: Partial<MappingLimits> = {}) {
  const invocations: Invocation[] = [];
  const committed = new Map<number, number>();
  const taken: number[] = [];
  const mapping = new EventSourceMapping({
    source: { topic, bootstrapServers: 'localhost:9092' },
    logger: new FakeLogger(),
    limits: { windowMs, recordsMax: 100, payloadBytesMax: 6_000_000, ...limits },
    onTaken: (partition) => taken.push(partition),
    commit: async (next) => {
      for (const [partition, offset] of next) committed.set(partition, offset);
    },
    invoke: (event) =>
      new Promise((resolve, reject) => {
        const ranges = Object.values(event.records).map(
          (list) => `${list[0]?.partition}: ${list[0]?.offset}-${list.at(-1)?.offset}`,
        );
        invocations.push({
          ranges,
          event,
          succeed: () => resolve({ batchItemFailures: [] }),
          fail: () => reject(new Error('the function threw')),
          failItems: (...items) =>
            resolve({
              batchItemFailures: items.map(([partition, offset]) => ({
                itemIdentifier: { partition: `${topic}-${partition}`, offset },
              })),
            }),
        });
      }),
  });
  const at = (index: number): Invocation => {
    const invocation = invocations[index];
    if (invocation === undefined) throw new Error(`there were ${invocations.length} invocations`);
    return invocation;
  };
  return { mapping, invocations, committed, taken, at, ranges: () => invocations.map((each) => each.ranges) };
}

const wait = (ms: number) => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('collecting', () => {
  it('partitions that come within the window share one invocation', async () => {
    const { mapping, ranges } = startMapping();
    mapping.offer(0, records(0, 3));
    await wait(windowMs - 1);
    mapping.offer(7, records(40, 41));
    expect(ranges()).toEqual([]);
    await wait(1);
    expect(ranges()).toEqual([['0: 0-2', '7: 40-40']]);
  });

  it('a full batch does not wait for the window', async () => {
    const { mapping, ranges } = startMapping({ recordsMax: 5 });
    mapping.offer(0, records(0, 12));
    await wait(0);
    expect(ranges()).toEqual([['0: 0-4']]);
  });

  it('no event is larger than the payload limit, in its real JSON', async () => {
    const payloadBytesMax = 60_000;
    const { mapping, invocations } = startMapping({ payloadBytesMax });
    for (const partition of [0, 1, 2]) mapping.offer(partition, records(0, 40, 1000));
    await wait(windowMs);
    const sizes = invocations.map(({ event }) => Buffer.byteLength(JSON.stringify(event)));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(payloadBytesMax);
    expect(Math.max(...sizes)).toBeGreaterThan(payloadBytesMax * 0.8);
  });

  it('a record that alone is above the payload limit goes alone', async () => {
    const { mapping, ranges, at } = startMapping({ payloadBytesMax: 5000 });
    mapping.offer(0, [...records(0, 1), ...records(1, 2, 9000), ...records(2, 3)]);
    await wait(windowMs);
    at(0).succeed();
    await wait(windowMs);
    at(1).succeed();
    await wait(windowMs);
    expect(ranges()).toEqual([['0: 0-0'], ['0: 1-1'], ['0: 2-2']]);
  });

  it('who waited longest goes first', async () => {
    const { mapping, ranges } = startMapping({ recordsMax: 3 });
    mapping.offer(5, records(0, 1));
    await wait(1);
    mapping.offer(0, records(0, 9));
    await wait(0);
    expect(ranges()[0]).toEqual(['5: 0-0', '0: 0-1']);
  });

  it('reports when records were taken, so that the poller goes on', async () => {
    const { mapping, taken } = startMapping();
    expect(mapping.offer(3, records(0, 2, 100))).toBeGreaterThan(200);
    await wait(windowMs);
    expect(taken).toEqual([3]);
    expect(mapping.bytesOf(3)).toBe(0);
  });
});

describe('order', () => {
  it("a partition's next records wait until its previous invocation ended; others do not", async () => {
    const { mapping, ranges, at } = startMapping();
    mapping.offer(0, records(0, 3));
    await wait(windowMs);
    mapping.offer(0, records(3, 5));
    mapping.offer(1, records(0, 1));
    await wait(10 * windowMs);
    expect(ranges()).toEqual([['0: 0-2'], ['1: 0-0']]);
    at(0).succeed();
    await wait(0);
    expect(ranges()[2]).toEqual(['0: 3-4']);
  });

  it('at most five invocations run at a time', async () => {
    const { mapping, invocations, at } = startMapping({ recordsMax: 1 });
    for (let partition = 0; partition < 8; partition += 1) mapping.offer(partition, records(0, 1));
    await wait(windowMs);
    expect(invocations).toHaveLength(5);
    at(0).succeed();
    await wait(0);
    expect(invocations).toHaveLength(6);
  });
});

describe('failure', () => {
  it('a thrown error delivers the whole batch again, without end, with growing pauses', async () => {
    const { mapping, invocations, committed, at } = startMapping();
    mapping.offer(0, records(0, 3));
    mapping.offer(1, records(0, 2));
    await wait(windowMs);
    const times: number[] = [];
    for (let attempt = 0; attempt < 30; attempt += 1) {
      at(attempt).fail();
      const failedAt = Date.now();
      while (invocations.length === attempt + 1) await wait(50);
      times.push(Date.now() - failedAt);
      expect(at(attempt + 1).ranges).toEqual(['0: 0-2', '1: 0-1']);
    }
    expect(times[0]).toBeLessThan(500);
    expect(times.at(-1)).toBeGreaterThan(5000);
    expect(times.at(-1)).toBeLessThan(15_000);
    expect(committed.size).toBe(0);
    at(30).succeed();
    await wait(0);
    expect(committed).toEqual(
      new Map([
        [0, 3],
        [1, 2],
      ]),
    );
  });

  it('a failed item is delivered again from its offset on, while the other partition goes on', async () => {
    const { mapping, ranges, committed, at } = startMapping();
    mapping.offer(0, records(0, 5));
    mapping.offer(1, records(0, 5));
    await wait(windowMs);
    at(0).failItems([0, 3]);
    mapping.offer(0, records(5, 6));
    mapping.offer(1, records(5, 6));
    await wait(0);
    expect(committed).toEqual(
      new Map([
        [0, 3],
        [1, 5],
      ]),
    );
    await wait(1000);
    expect(ranges().slice(1).sort()).toEqual([['0: 3-4'], ['1: 5-5']]);
    at(1).succeed();
    at(2).succeed();
    await wait(windowMs);
    expect(ranges()[3]).toEqual(['0: 5-5']);
    expect(committed).toEqual(
      new Map([
        [0, 5],
        [1, 6],
      ]),
    );
  });

  it('an answer that names nothing in the batch fails the whole batch', async () => {
    const { mapping, ranges, committed, at } = startMapping();
    mapping.offer(0, records(0, 2));
    await wait(windowMs);
    at(0).failItems([0, 77]);
    await wait(1000);
    expect(ranges()).toEqual([['0: 0-1'], ['0: 0-1']]);
    expect(committed.size).toBe(0);
  });
});

describe('the group', () => {
  it('joined anew: what waits is forgotten, and comes again from the committed offset', async () => {
    const { mapping, ranges, at } = startMapping();
    mapping.offer(0, records(0, 2));
    await wait(windowMs);
    mapping.offer(0, records(2, 4));
    mapping.reset();
    mapping.offer(0, records(0, 4));
    await wait(windowMs);
    expect(ranges()).toEqual([['0: 0-1']]);
    at(0).succeed();
    await wait(0);
    expect(ranges()[1]).toEqual(['0: 0-3']);
  });

  it('stopping lets the running invocation end and stores its offset', async () => {
    const { mapping, ranges, committed, at } = startMapping();
    mapping.offer(0, records(0, 2));
    await wait(windowMs);
    mapping.offer(1, records(0, 2));
    const stopped = mapping.stop();
    at(0).succeed();
    await wait(windowMs);
    await stopped;
    expect(ranges()).toEqual([['0: 0-1']]);
    expect(committed).toEqual(new Map([[0, 2]]));
  });

  it('a lost commit is only a warning: the next one carries on', async () => {
    const committed: number[] = [];
    const logger = new FakeLogger();
    const mapping = new EventSourceMapping({
      source: { topic, bootstrapServers: '' },
      logger,
      limits: { windowMs, recordsMax: 100, payloadBytesMax: 6_000_000 },
      invoke: async () => undefined,
      commit: async (next) => {
        committed.push(next.get(0) ?? -1);
        if (committed.length === 1) throw new Error('no coordinator');
      },
    });
    mapping.offer(0, records(0, 1));
    await wait(windowMs);
    mapping.offer(0, records(1, 2));
    await wait(windowMs);
    expect(committed).toEqual([1, 2]);
    expect(logger.messages).toContain('offsets were not committed');
  });
});
