import { describe, expect, it } from 'vitest';
import { GroupCommit } from '../../functions/ingest/group-commit.ts';
import type { EnvelopeReceipt } from '../../functions/ingest/partition-queue.ts';
import { PropertySealer } from '../../functions/ingest/seal-properties.ts';
import type { UsageEvent } from '../../shared/events/usage-event.ts';
import {
  acceptWaitMsMax,
  deadlineCheckMs,
  inFlightBytesMax,
  inFlightEventsMax,
  produceEnvelopesMax,
} from '../../shared/limits.ts';
import { decodeEnvelope, type Envelope, envelopeEventBytesMax, eventsOf } from '../../shared/log/envelope.ts';
import type { Append } from '../../shared/log/event-log.ts';
import type { ReceiptPlace } from '../../shared/log/receipt.ts';
import { partitionOf } from '../../shared/log/routing.ts';
import { manyEvents, usageEvent } from '../harness/builders/usage-events.ts';
import { FakeClock, momentOf, settled, testNowMs } from '../harness/fakes/clock.ts';
import { FakeLog } from '../harness/fakes/log.ts';

const partitions = 20;
const lingerMs = 5;
const deadlineMs = momentOf(acceptWaitMsMax);

/** The name of an organization whose partition is the given one. */
function organizationOf(partition: number, kind = 'org'): string {
  for (let i = 0; ; i++) if (partitionOf(`${kind}_${i}`, partitions) === partition) return `${kind}_${i}`;
}

/** A receipt that is not sealed. */
function placeText({ partition, offset, firstIndex, count, organization }: ReceiptPlace): string {
  return [organization ?? 'several', partition, offset, firstIndex, count].join('-');
}

function acknowledged(receipts: readonly EnvelopeReceipt[]): readonly number[] {
  return receipts.flatMap(({ positions }) => positions).toSorted((a, b) => a - b);
}

interface Setup {
  readonly group: GroupCommit;
  readonly log: FakeLog;
  readonly clock: FakeClock;
}

/** A request that stays open, on the lane of a partition that no other request of the test uses. */
function keepOpen({ group }: Setup): void {
  void group.submit([usageEvent({ organization: organizationOf(19) })], deadlineMs);
}

/** One lane, and beside it a request that is open: so nobody is alone. `appends` are those of the lane. */
function setupInCompany(): Setup {
  const made = setup({ laneOf: (partition) => (partition === 19 ? 1 : 0) });
  keepOpen(made);
  return made;
}

function setup(options: { linger?: number; laneOf?: (partition: number) => number } = {}): Setup {
  const laneOf = options.laneOf;
  const log = new FakeLog({ hold: true, ...(laneOf === undefined ? {} : { laneOf }) });
  const clock = new FakeClock();
  const producerId = Buffer.alloc(16, 1);
  const sealer = new PropertySealer(Buffer.alloc(32, 1), producerId);
  const group = new GroupCommit({
    log,
    clock,
    sealer,
    producerId,
    partitions,
    receipts: { seal: placeText },
    lingerMs: options.linger ?? lingerMs,
    envelopeVersion: 2 as const,
  });
  return { group, log, clock };
}

function envelopeOf({ partition, value }: Append): Envelope {
  const decoded = decodeEnvelope(value, partition);
  if (decoded.kind !== 'envelope') throw new Error(decoded.kind);
  return decoded.envelope;
}

function keysOf(append: Append): readonly string[] {
  return eventsOf(envelopeOf(append)).map(({ idempotencyKey }) => idempotencyKey);
}

describe('coalescing', () => {
  it('a request that is alone does not wait: a client that sends one after another pays no linger', async () => {
    const { group, log, clock } = setup();
    for (const i of [0, 1, 2]) {
      const receipts = group.submit([usageEvent()], deadlineMs);
      expect(log.appends).toHaveLength(i + 1);
      await log.appends[i]?.acknowledge();
      await expect(receipts).resolves.toEqual([
        { receipt: `org_1-${partitionOf('org_1', partitions)}-${i}-0-1`, positions: [0] },
      ]);
    }
    expect(clock.now()).toBe(testNowMs);
  });

  it('nor does what is left of a request when its first append settles', async () => {
    const { group, log } = setup();
    void group.submit(manyEvents(500, { properties: 'x'.repeat(4000) }), deadlineMs);
    await log.appends[0]?.acknowledge();
    expect(log.appends).toHaveLength(2);
  });

  it('a request beside an open one waits for the linger and no longer', async () => {
    const { group, log, clock } = setupInCompany();
    void group.submit([usageEvent()], deadlineMs);
    await clock.advance(lingerMs - 1);
    expect(log.appends).toHaveLength(1);
    await clock.advance(1);
    expect(log.appends).toHaveLength(2);
  });

  it('without a linger the first request leaves at once, the next ones together behind it', async () => {
    const { group, log } = setup({ linger: 0 });
    const requests = ['a', 'b', 'c'].map((key) =>
      group.submit([usageEvent({ idempotencyKey: key })], deadlineMs),
    );
    await settled();
    expect(log.appends.map(({ records }) => records.map(keysOf))).toEqual([[['a']]]);
    await log.appends[0]?.acknowledge();
    expect(log.appends.map(({ records }) => records.map(keysOf))).toEqual([[['a']], [['b', 'c']]]);
    await log.appends[1]?.acknowledge();
    const receipts = await Promise.all(requests);
    expect(receipts.flat().map(({ receipt }) => receipt.split('-').slice(2))).toEqual([
      ['0', '0', '1'],
      ['1', '0', '1'],
      ['1', '1', '1'],
    ]);
  });

  it('events of concurrent requests share one envelope of their partition, in order of arrival', async () => {
    const { group, log, clock } = setupInCompany();
    void group.submit([usageEvent({ idempotencyKey: 'a' })], deadlineMs);
    await clock.advance(2);
    void group.submit([usageEvent({ idempotencyKey: 'b' }), usageEvent({ idempotencyKey: 'c' })], deadlineMs);
    await clock.advance(3);
    expect(log.appends.map(({ records }) => records.map(keysOf))).toEqual([[['key']], [['a', 'b', 'c']]]);
  });

  it('one append runs on a lane; what waited the linger leaves when it settles', async () => {
    const { group, log, clock } = setup();
    void group.submit([usageEvent({ idempotencyKey: 'a' })], deadlineMs);
    void group.submit([usageEvent({ idempotencyKey: 'b' })], deadlineMs);
    await clock.advance(lingerMs * 10);
    expect(log.appends).toHaveLength(1);
    await log.appends[0]?.acknowledge();
    expect(log.appends).toHaveLength(2);
  });

  it('what waited less than the linger when an append settles waits for the rest of it', async () => {
    const { group, log, clock } = setupInCompany();
    void group.submit([usageEvent()], deadlineMs);
    await clock.advance(lingerMs);
    void group.submit([usageEvent()], deadlineMs);
    await clock.advance(2);
    await log.appends[1]?.acknowledge();
    expect(log.appends).toHaveLength(2);
    await clock.advance(lingerMs - 2);
    expect(log.appends).toHaveLength(3);
  });

  it('a full envelope does not wait for the linger', async () => {
    const { group, log } = setupInCompany();
    void group.submit(manyEvents(1, { properties: 'x'.repeat(envelopeEventBytesMax / 4) }), deadlineMs);
    await settled();
    expect(log.appends).toHaveLength(2);
  });

  it('lanes do not wait for each other', async () => {
    const { group, log, clock } = setup({ laneOf: (partition) => partition % 2 });
    void group.submit([usageEvent({ organization: organizationOf(0) })], deadlineMs);
    await clock.advance(lingerMs);
    const other = group.submit([usageEvent({ organization: organizationOf(1) })], deadlineMs);
    await clock.advance(lingerMs);
    expect(log.appends).toHaveLength(2);
    await log.appends[1]?.acknowledge();
    await expect(other).resolves.toHaveLength(1);
  });

  it('a partition that moves to another lane while it waits is not forgotten', async () => {
    const lane = { number: 0 };
    const { group, log, clock } = setup({ laneOf: (partition) => (partition === 3 ? lane.number : 0) });
    void group.submit([usageEvent({ organization: organizationOf(0) })], deadlineMs);
    await clock.advance(lingerMs);
    const moved = group.submit([usageEvent({ organization: organizationOf(3) })], deadlineMs);
    lane.number = 7;
    await log.appends[0]?.acknowledge();
    await clock.advance(lingerMs);
    await log.appends[1]?.acknowledge();
    await expect(moved).resolves.toHaveLength(1);
  });
});

describe('acknowledgement', () => {
  it('U1: a request over several partitions is answered when the last of its envelopes is acknowledged', async () => {
    const { group, log, clock } = setup({ laneOf: (partition) => partition });
    const organizations = [organizationOf(4), organizationOf(2), organizationOf(4)];
    const events = organizations.map((organization) => usageEvent({ organization }));
    let answered = false;
    const receipts = group.submit(events, deadlineMs).then((value) => {
      answered = true;
      return value;
    });
    await clock.advance(lingerMs);
    await log.appends[0]?.acknowledge();
    expect(answered).toBe(false);
    await log.appends[1]?.acknowledge();
    await expect(receipts).resolves.toEqual([
      { receipt: `${organizationOf(4)}-4-0-0-2`, positions: [0, 2] },
      { receipt: `${organizationOf(2)}-2-0-0-1`, positions: [1] },
    ]);
  });

  it('a receipt of events of several organizations names none of them', async () => {
    const { group, log } = setup({ linger: 0 });
    const neighbour = organizationOf(partitionOf('org_1', partitions), 'neighbour');
    const events = [usageEvent(), usageEvent({ organization: neighbour })];
    const receipts = group.submit(events, deadlineMs);
    await log.appends[0]?.acknowledge();
    const place = `several-${partitionOf('org_1', partitions)}-0-0-2`;
    await expect(receipts).resolves.toEqual([{ receipt: place, positions: [0, 1] }]);
  });

  it('a request larger than an envelope is cut, and has a receipt for each envelope', async () => {
    const { group, log } = setup({ linger: 0 });
    const events = manyEvents(60, { properties: 'x'.repeat(4000) });
    const receipts = group.submit(events, deadlineMs);
    const records = log.appends[0]?.records ?? [];
    expect(records.length).toBeGreaterThan(1);
    expect(records.flatMap(keysOf)).toEqual(events.map(({ idempotencyKey }) => idempotencyKey));
    await log.appends[0]?.acknowledge();
    const place = `org_1-${partitionOf('org_1', partitions)}`;
    let position = 0;
    await expect(receipts).resolves.toEqual(
      records.map((record, offset) => {
        const positions = keysOf(record).map(() => position++);
        return { receipt: `${place}-${offset}-0-${positions.length}`, positions };
      }),
    );
  });

  it('one append carries at most produceEnvelopesMax envelopes of a partition; the rest follows', async () => {
    const { group, log } = setup({ linger: 0 });
    const receipts = group.submit(manyEvents(500, { properties: 'x'.repeat(4000) }), deadlineMs);
    await settled();
    expect(log.appends[0]?.records).toHaveLength(produceEnvelopesMax);
    for (let i = 0; i < log.appends.length; i++) await log.appends[i]?.acknowledge();
    expect(acknowledged(await receipts)).toEqual(Array.from({ length: 500 }, (_, i) => i));
    const sequences = log.appends.flatMap(({ records }) =>
      records.map((record) => envelopeOf(record).sequence),
    );
    expect(sequences).toEqual(sequences.map((_, i) => i));
  });

  it('a failed append fails exactly the requests with events in it', async () => {
    const made = setup({ laneOf: (partition) => partition });
    const { group, log, clock } = made;
    keepOpen(made);
    const [first = '', second = ''] = [organizationOf(1), organizationOf(2)];
    const both = group.submit(
      [usageEvent({ organization: first }), usageEvent({ organization: second })],
      deadlineMs,
    );
    const healthy = group.submit([usageEvent({ organization: second })], deadlineMs);
    const failing = expect(both).rejects.toMatchObject({ code: 'log_unavailable', retryable: true });
    await clock.advance(lingerMs);
    await log.appends[1]?.fail();
    await log.appends[2]?.acknowledge();
    await failing;
    await expect(healthy).resolves.toHaveLength(1);
  });

  it('a failed append fails all requests of an envelope', async () => {
    const made = setupInCompany();
    const { group, log, clock } = made;
    const requests = [group.submit([usageEvent()], deadlineMs), group.submit([usageEvent()], deadlineMs)];
    const failing = Promise.all(
      requests.map((request) => expect(request).rejects.toMatchObject({ code: 'log_unavailable' })),
    );
    await clock.advance(lingerMs);
    expect(log.appends[1]?.records).toHaveLength(1);
    await log.appends[1]?.fail();
    await failing;
  });

  it('after a failed append the lane works on', async () => {
    const { group, log } = setup({ linger: 0 });
    const lost = expect(group.submit([usageEvent()], deadlineMs)).rejects.toThrow();
    const next = group.submit([usageEvent()], deadlineMs);
    await log.appends[0]?.fail();
    await log.appends[1]?.acknowledge();
    await lost;
    await expect(next).resolves.toHaveLength(1);
  });

  it('created_at is the time of encoding', async () => {
    const { group, log, clock } = setupInCompany();
    void group.submit([usageEvent()], deadlineMs);
    await clock.advance(lingerMs);
    const [record] = log.appends[1]?.records ?? [];
    expect(record && envelopeOf(record).createdAtMs).toBe(testNowMs + lingerMs);
  });
});

/** Of five organizations, so that each has less than its share. */
function spreadEvents(count: number, fields: Partial<UsageEvent> = {}): UsageEvent[] {
  return manyEvents(count, fields).map((event, i) => ({ ...event, organization: `org_${i % 5}` }));
}

describe('bounds', () => {
  it('events above inFlightEventsMax are overload, until an append settles', async () => {
    const { group, log } = setup({ linger: 0 });
    void group.submit(manyEvents(1), deadlineMs);
    void group.submit(spreadEvents(inFlightEventsMax - 1), deadlineMs);
    await expect(group.submit([usageEvent()], deadlineMs)).rejects.toMatchObject({
      code: 'overloaded',
      retryable: true,
    });
    await log.appends[0]?.acknowledge();
    void group.submit([usageEvent()], deadlineMs);
    await expect(group.submit([usageEvent()], deadlineMs)).rejects.toMatchObject({ code: 'overloaded' });
  });

  it('bytes above inFlightBytesMax are overload', async () => {
    const { group } = setup();
    const properties = 'x'.repeat(60_000);
    const count = Math.floor(inFlightBytesMax / (4 * 60_000 + 200));
    void group.submit(spreadEvents(count, { properties }), deadlineMs);
    await expect(group.submit([usageEvent({ properties })], deadlineMs)).rejects.toMatchObject({
      code: 'overloaded',
    });
  });

  it('a failed append gives its room back', async () => {
    const { group, log } = setup({ linger: 0 });
    const lost = expect(group.submit(spreadEvents(inFlightEventsMax), deadlineMs)).rejects.toThrow();
    for (let i = 0; i < log.appends.length; i++) await log.appends[i]?.fail();
    await lost;
    const next = group.submit(spreadEvents(inFlightEventsMax), deadlineMs);
    for (let i = 0; i < log.appends.length; i++) await log.appends[i]?.acknowledge();
    expect(acknowledged(await next)).toHaveLength(inFlightEventsMax);
  });

  it('a request is answered at its deadline although the log does not settle', async () => {
    const { group, clock } = setup({ linger: 0 });
    const late = expect(group.submit([usageEvent()], momentOf(1000))).rejects.toMatchObject({
      code: 'log_unavailable',
      retryable: true,
    });
    for (let i = 0; i * deadlineCheckMs <= 1000; i++) await clock.advance(deadlineCheckMs);
    await late;
  });

  it('no events need no append', async () => {
    const { group, log } = setup({ linger: 0 });
    await expect(group.submit([], deadlineMs)).resolves.toEqual([]);
    expect(log.appends).toHaveLength(0);
  });
});

it('sealed properties open with the sequence and index of the envelope they are in', async () => {
  const { group, log } = setup({ linger: 0 });
  void group.submit([usageEvent()], deadlineMs);
  void group.submit([usageEvent(), usageEvent({ properties: '{"a":1}' })], deadlineMs);
  await log.appends[0]?.acknowledge();
  const [record] = log.appends[1]?.records ?? [];
  if (record === undefined) throw new Error('there was no second append');
  const envelope = envelopeOf(record);
  const { sequence, producerId } = envelope;
  const events = eventsOf(envelope);
  const sealer = new PropertySealer(Buffer.alloc(32, 1), producerId);
  const place = { sequence, index: 1, organization: 'org_1', idempotencyKey: 'key' };
  expect(sealer.open(place, events[1]?.sealed ?? '')).toBe('{"a":1}');
});

it('sequences rise by one over all partitions and appends, because they are in the nonces', async () => {
  const { group, log } = setup({ linger: 0 });
  const bothPartitions = [0, 1].map((partition) => usageEvent({ organization: organizationOf(partition) }));
  void group.submit(bothPartitions, deadlineMs);
  await log.appends[0]?.acknowledge();
  void group.submit([usageEvent()], deadlineMs);
  await log.appends[1]?.acknowledge();
  const records = log.appends.flatMap((append) => append.records);
  expect(records.map((record) => envelopeOf(record).sequence)).toEqual([0, 1, 2]);
});
