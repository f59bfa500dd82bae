import { expect, it } from 'vitest';
import { PartitionQueue } from '../../functions/ingest/partition-queue.ts';
import { dayOf } from '../../shared/events/calendar.ts';
import { dayMs, eventDaysMax, produceEnvelopesMax } from '../../shared/limits.ts';
import { envelopeEventBytesMax } from '../../shared/log/envelope.ts';
import { usageEvent } from '../harness/builders/usage-events.ts';
import { momentOf, testNowMs } from '../harness/fakes/clock.ts';

const event = usageEvent();
const ticket = { unacknowledged: 1, deadlineMs: momentOf(1), receipts: [], resolve() {}, reject() {} };

it('an envelope takes as many events as its bytes allow, and at least one', () => {
  const queue = new PartitionQueue(0);
  const half = envelopeEventBytesMax / 2;
  const sizes = [half, half, 1, half, half, 2 * envelopeEventBytesMax, 1];
  sizes.forEach((bytes, position) => {
    queue.push({ event, bytes, ticket, position }, momentOf(0));
  });
  expect(sizes.length).toBeLessThanOrEqual(produceEnvelopesMax);
  const cut = queue.take().map(({ waiting }) => waiting.map(({ position }) => position));
  expect(cut).toEqual([[0, 1], [2, 3], [4], [5], [6]]);
});

it('U9: an envelope holds the events of at most 64 days', () => {
  const queue = new PartitionQueue(0);
  const places = Array.from({ length: 3 * eventDaysMax }, (_, position) => position);
  for (const position of places) {
    const eventTimeMs = testNowMs - (position % 100) * dayMs;
    queue.push({ event: { ...event, eventTimeMs }, bytes: 1, ticket, position }, momentOf(0));
  }
  const batches = queue.take().map(({ waiting }) => waiting);
  const days = batches.map((waiting) => new Set(waiting.map((one) => dayOf(one.event.eventTimeMs))));
  expect(batches.flat().map(({ position }) => position)).toEqual(places);
  expect(Math.max(...days.map(({ size }) => size))).toBe(eventDaysMax);
});
