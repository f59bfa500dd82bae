import { expect, it } from 'vitest';
import { InFlight } from '../../functions/ingest/in-flight.ts';
import {
  inFlightBytesMax,
  inFlightEventsMax,
  organizationInFlightBytesMax,
  organizationInFlightEventsMax,
} from '../../shared/limits.ts';

const eventsOf = (organization: string, count: number, bytes = 1) =>
  Array.from({ length: count }, () => ({ event: { organization }, bytes }));

it.each([
  ['events', eventsOf('flood', organizationInFlightEventsMax)],
  ['bytes', eventsOf('flood', 4, organizationInFlightBytesMax / 4)],
])('U9: an organization whose share is full, by %s, is refused, and no other one', (_what, flood) => {
  const inFlight = new InFlight();
  expect(inFlight.take(flood)).toBe('taken');
  expect(inFlight.take(eventsOf('flood', 1))).toBe('organization-full');
  // Nothing of a refused request is held.
  const mixed = [...eventsOf('other', organizationInFlightEventsMax), ...eventsOf('flood', 1)];
  expect(inFlight.take(mixed)).toBe('organization-full');
  for (const other of ['other', 'another', 'third']) {
    expect(inFlight.take(eventsOf(other, flood.length, flood[0]?.bytes))).toBe('taken');
  }
  expect(inFlight.take(eventsOf('fifth', 1))).toBe('all-full');
  inFlight.release(flood);
  expect(inFlight.take(flood)).toBe('taken');
});

it('a share is a quarter, and one request that spreads over organizations is bound by the whole', () => {
  expect(organizationInFlightEventsMax).toBe(inFlightEventsMax / 4);
  expect(organizationInFlightBytesMax).toBe(inFlightBytesMax / 4);
  const spread = Array.from({ length: inFlightEventsMax + 1 }, (_, i) => eventsOf(`o${i}`, 1)).flat();
  expect(new InFlight().take(spread)).toBe('all-full');
});
