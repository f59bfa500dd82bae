import { describe, expect, it } from 'vitest';
import { type NextRangePorts, nextRange } from '../../functions/flusher/next-range.ts';
import { WaitingSegments } from '../../functions/flusher/waiting-segments.ts';
import { dayMs } from '../../shared/limits.ts';
import { recordHashOf } from '../../shared/log/envelope.ts';
import type { EventLogReader } from '../../shared/log/event-log.ts';
import { Stopwatch } from '../../shared/runtime/stopwatch.ts';
import { foldRecords } from '../../shared/segments/fold.ts';
import { encodeSegment, sealScope } from '../../shared/segments/segment.ts';
import { envelope, newerEnvelope, noonMs, records, sealedEvent } from '../harness/builders/records.ts';
import { FakeClock } from '../harness/fakes/clock.ts';
import { FakeLog } from '../harness/fakes/log.ts';
import { FakeLogger } from '../harness/fakes/logger.ts';
import { FakeSegmentStore } from '../harness/fakes/segment-store.ts';

const topic = { topicId: 'topic-1', generation: 1 };
const seal = { scope: sealScope(topic), key: Buffer.alloc(32, 1) };
const values = Array.from({ length: 6 }, (_, i) => envelope([sealedEvent({ idempotencyKey: `k${i}` })]));

/** A store that holds segments of these ranges of the log. */
async function storeWith(...ranges: [number, number][]) {
  const store = new FakeSegmentStore();
  store.log = seal.scope;
  for (const [from, to] of ranges) {
    const [segment] = foldRecords(records(values.slice(from, to), from), 0).segments;
    if (segment === undefined) throw new Error('a range holds a record');
    const { recordHash } = segment.meta;
    await store.append(0, { from, to, events: to - from, recordHash }, encodeSegment(segment, seal));
  }
  return store;
}

async function portsOf(store: FakeSegmentStore, log: EventLogReader): Promise<NextRangePorts> {
  const logger = new FakeLogger();
  const watch = new Stopwatch<'folding'>(new FakeClock());
  const segments = new WaitingSegments({ segments: store, segmentKey: seal.key, logger, watch });
  await segments.list({
    ...topic,
    progress: [{ partition: 0, nextOffset: 0, generation: topic.generation }],
  });
  return { log: log.ofTopic(topic.topicId), segments, logger, watch };
}

async function look(store: FakeSegmentStore, next: number, oldEnd = 0, log = FakeLog.of({ values })) {
  const stored = store.down ? [] : ((await store.list([0])).get(0) ?? []);
  const outlook = { partition: 0, next, committed: null, stored, logEnd: 6, oldEnd };
  const found = await nextRange(outlook, await portsOf(store, log));
  if (found.kind === 'range') return `${found.range.source} ${found.range.from}-${found.range.to}`;
  return found.kind === 'halts' ? `halts ${found.code}` : found.kind;
}

describe('nextRange', () => {
  it('joins segments that touch', async () => {
    expect(await look(await storeWith([0, 2], [2, 5]), 0)).toBe('segments 0-5');
  });

  it('U9: a range holds the events of at most 64 days, from segments and from the log', async () => {
    const ofDays = (first: number) =>
      envelope(
        Array.from({ length: 30 }, (_, i) =>
          sealedEvent({ eventTimeMs: noonMs - (first + i) * dayMs, idempotencyKey: `k${i}` }),
        ),
      );
    const long = [0, 30, 60, 90].map(ofDays);
    const store = new FakeSegmentStore();
    store.log = seal.scope;
    for (const [from, value] of long.entries()) {
      const [segment] = foldRecords(records([value], from), 0).segments;
      if (segment === undefined) throw new Error('a range holds a record');
      const { recordHash } = segment.meta;
      await store.append(0, { from, to: from + 1, events: 30, recordHash }, encodeSegment(segment, seal));
    }
    const log = FakeLog.of({ values: [...long, ...long] });
    expect(await look(store, 0, 0, log)).toBe('segments 0-2');
    expect(await look(store, 2, 0, log)).toBe('segments 2-4');
    expect(await look(new FakeSegmentStore(), 0, 6, log)).toBe('log 0-2');
    // One envelope of more is a range of its own: older code accepted it.
    const older = envelope(
      Array.from({ length: 65 }, (_, i) =>
        sealedEvent({ eventTimeMs: noonMs - i * dayMs, idempotencyKey: `o${i}` }),
      ),
    );
    const mixed = FakeLog.of({ values: [ofDays(0), older, ofDays(0), older, older, ofDays(0)] });
    const ranges: string[] = [];
    for (const next of [0, 1, 2, 3, 4]) ranges.push(await look(new FakeSegmentStore(), next, 6, mixed));
    expect(ranges).toEqual(['log 0-1', 'log 1-2', 'log 2-3', 'log 3-4', 'log 4-5']);
  });

  it('U6: reads a hole below a stored segment from the log at once', async () => {
    expect(await look(await storeWith([3, 5]), 0)).toBe('log 0-3');
    expect(await look(await storeWith([0, 2], [4, 6]), 0)).toBe('segments 0-2');
    expect(await look(await storeWith([0, 2], [4, 6]), 2)).toBe('log 2-4');
  });

  it('U6: passes over what is committed already and could not be deleted', async () => {
    expect(await look(await storeWith([0, 2], [1, 3], [3, 5]), 3)).toBe('segments 3-5');
  });

  it('U8: leaves a young tail to the consumer and reads an old one from the log', async () => {
    expect(await look(new FakeSegmentStore(), 0)).toBe('nothing');
    expect(await look(new FakeSegmentStore(), 0, 4)).toBe('log 0-4');
    expect(await look(await storeWith([0, 4]), 4, 6)).toBe('log 4-6');
  });

  it('U6: drops a damaged segment and reads the log', async () => {
    const store = await storeWith([0, 2], [2, 4]);
    store.stored.get(2)?.bytes.fill(0, 20, 30);
    expect(await look(store, 0)).toBe('segments 0-2');
    expect(store.stored.has(2)).toBe(false);
    store.stored.get(0)?.bytes.fill(0, 20, 30);
    expect(await look(store, 0)).toBe('log 0-6');
  });

  it('U6: reads the log when Redis goes away between list and read', async () => {
    const store = await storeWith([0, 2]);
    const stored = (await store.list([0])).get(0) ?? [];
    store.down = true;
    const found = await nextRange(
      { partition: 0, next: 0, committed: null, stored, logEnd: 6, oldEnd: 0 },
      await portsOf(store, FakeLog.of({ values })),
    );
    expect(found).toMatchObject({ kind: 'range', range: { source: 'log', from: 0, to: 6 } });
  });

  it('U7: drops segments whose last record is not what the log holds', async () => {
    const rewritten = values.map((value, i) =>
      i === 1 ? envelope([sealedEvent({ quantity: '9' })]) : value,
    );
    const store = await storeWith([0, 2]);
    expect(await look(store, 0, 0, FakeLog.of({ values: rewritten }))).toBe('log 0-6');
    expect(store.stored.size).toBe(0);
  });

  const cuts = { 0: 'log 0-6', 1: 'segments 0-2', 2: 'segments 0-3' };
  it.each([0, 1, 2] as const)('U7: cuts a run at its stale segment %i, wherever that is', async (stale) => {
    const ends = [2, 3, 5];
    const lastOfStale = (ends[stale] ?? 0) - 1;
    const rewritten = values.map((value, i) =>
      i === lastOfStale ? envelope([sealedEvent({ quantity: '9' })]) : value,
    );
    const store = await storeWith([0, 2], [2, 3], [3, 5]);
    expect(await look(store, 0, 0, FakeLog.of({ values: rewritten }))).toBe(cuts[stale]);
    expect([...store.stored.keys()]).toEqual([0, 2, 3].slice(0, stale));
  });

  it('U8: reads the log below a segment whose records the log has lost', async () => {
    const store = await storeWith([0, 3], [3, 6]);
    const lost = FakeLog.of({ values: values.slice(0, 2) });
    const stored = [{ from: 0, to: 3, events: 3 }];
    const outlook = { partition: 0, next: 0, committed: null, stored, logEnd: 2, oldEnd: 0 };
    expect(await nextRange(outlook, await portsOf(store, lost))).toMatchObject({
      range: { source: 'log', from: 0, to: 2 },
    });
  });

  it('U7: halts when the log goes on above the next offset', async () => {
    expect(await look(new FakeSegmentStore(), 0, 6, FakeLog.of({ values: values.slice(2), start: 2 }))).toBe(
      'halts offset_missing',
    );
  });

  it('distinguishes a record that needs newer code from one that the log did not deliver', async () => {
    const none = new FakeSegmentStore();
    expect(await look(none, 5, 6, FakeLog.of({ values: [newerEnvelope()], start: 5 }))).toBe(
      'waits-for-code',
    );
    expect(await look(none, 5, 6, FakeLog.of({ values: [] }))).toBe('waits');
  });

  it('never starts with a segment that straddles the next offset', async () => {
    expect(await look(await storeWith([0, 3], [3, 5]), 2)).toBe('log 2-3');
  });

  it('U7: a range from the log ends before a hole', async () => {
    const all = records(values, 0);
    const read = async () => new Map([[0, all.filter(({ offset }) => offset !== 2)]]);
    const outlook = { partition: 0, next: 0, committed: null, stored: [], logEnd: 6, oldEnd: 6 };
    const ports = await portsOf(new FakeSegmentStore(), FakeLog.of({ values }));
    const found = await nextRange(outlook, { ...ports, log: { ...ports.log, read } });
    expect(found).toMatchObject({ kind: 'range', range: { from: 0, to: 2 } });
  });

  it.each([
    ['ends elsewhere', 0, 3],
    ['is of another partition', 1, 2],
  ])('U6: drops a segment that is not the one of its place: it %s', async (_what, partition, to) => {
    const [segment] = foldRecords(records(values.slice(0, 2), 0), partition).segments;
    if (segment === undefined) throw new Error('a range holds a record');
    const store = new FakeSegmentStore();
    store.log = seal.scope;
    const { recordHash } = segment.meta;
    await store.append(0, { from: 0, to, events: 2, recordHash }, encodeSegment(segment, seal));
    expect(await look(store, 0)).toBe('log 0-6');
    expect(store.stored.size).toBe(0);
  });

  describe('U7: a log that changes while a pass reads it', () => {
    const rewritten = values.map((_, i) =>
      envelope([sealedEvent({ quantity: '9', idempotencyKey: `n${i}` })]),
    );
    const committed = {
      offset: 1,
      recordHash: Buffer.from(recordHashOf(values[1] ?? Buffer.alloc(0)), 'hex'),
    };
    const lookAbove = async (store: FakeSegmentStore, log: EventLogReader) => {
      const stored = (await store.list([0])).get(0) ?? [];
      const outlook = { partition: 0, next: 2, committed, stored, logEnd: 6, oldEnd: 6 };
      const found = await nextRange(outlook, await portsOf(store, log));
      return found.kind === 'halts' ? found.code : found.kind;
    };

    it('is not committed from where the record below the range is another one, or gone', async () => {
      const none = new FakeSegmentStore();
      expect(await lookAbove(none, FakeLog.of({ values }))).toBe('range');
      expect(await lookAbove(none, FakeLog.of({ values: rewritten }))).toBe('log_rewritten');
      expect(await lookAbove(none, FakeLog.of({ values: values.slice(2), start: 2 }))).toBe('log_rewritten');
      expect(await lookAbove(none, FakeLog.of({ values: values.slice(0, 1) }))).toBe('waits');
      expect(await lookAbove(await storeWith([2, 4]), FakeLog.of({ values }))).toBe('range');
    });

    it('is not committed from where it changed after it had shown the last records of the segments', async () => {
      const asked: (readonly number[])[] = [];
      const log = FakeLog.of({ values });
      log.ofTopic = (topicId) => {
        const [before, after] = [values, rewritten].map((of) => FakeLog.of({ values: of }).ofTopic(topicId));
        if (before === undefined || after === undefined) throw new Error('two logs');
        return {
          ...after,
          recordHashes: (partition, offsets) => {
            asked.push(offsets);
            return (asked.length === 1 ? before : after).recordHashes(partition, offsets);
          },
        };
      };
      expect(await lookAbove(await storeWith([2, 4], [4, 6]), log)).toBe('log_rewritten');
      expect(asked).toEqual([[3, 5], [1]]);
    });
  });
});
