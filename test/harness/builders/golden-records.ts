/** The records that golden files are made of: every kind of event and record that a partition can hold. */
import { createPropertiesDigest, PropertySealer } from '../../../functions/ingest/seal-properties.ts';
import { fingerprintOf } from '../../../shared/events/identity.ts';
import type { SealedEvent } from '../../../shared/events/usage-event.ts';
import { dayMs } from '../../../shared/limits.ts';
import { envelope, noonMs, sealedEvent } from './records.ts';

export const goldenEncryptionKey = Buffer.alloc(32, 1);
/** What `envelope` gives as producer. */
export const goldenProducerId = Buffer.alloc(16, 7);
/** Home of both organizations in a log of 20 partitions; its shard is 2. */
export const goldenPartition = 6;
/** 2026-10-15: the day that a test closes. */
export const closedDayMs = Date.UTC(2026, 9, 15, 8);

const organization = 'umbrella';
const otherOrganization = 'monsters';
const firstSequence = 41;
const sealer = new PropertySealer(goldenEncryptionKey, goldenProducerId);
const digestProperties = createPropertiesDigest(goldenEncryptionKey);

const usage = (fields: Partial<SealedEvent>) => sealedEvent({ organization, ...fields });

/** An event with properties, as ingest seals it at its place. */
function eventWithProperties(
  fields: Partial<SealedEvent>,
  place: { readonly sequence: number; readonly index: number },
  properties: string,
): SealedEvent {
  const event = usage(fields);
  const sealed = sealer.seal({ ...place, ...event }, properties);
  const fingerprint = fingerprintOf({ ...event, propertiesDigest: digestProperties(properties) });
  return { ...event, fingerprint, sealed };
}

/** Dated, undated, with properties, negative, with long decimals, with other names, of two days. */
export const goldenEvents: readonly SealedEvent[] = [
  usage({ quantity: '1.5' }),
  usage({ quantity: '2', idempotencyKey: 'key-2', undated: true }),
  eventWithProperties(
    {
      metric: 'storage:gb_hours',
      quantity: '12345678901234567890.123456789012345678',
      idempotencyKey: 'schlüssel-日本-🔑',
    },
    { sequence: firstSequence, index: 2 },
    '{"n":1.5,"name":"日本"}',
  ),
  usage({ quantity: '-0.000000000000000001', idempotencyKey: '"quoted" \\ back/slash\t' }),
  usage({ quantity: '10000', idempotencyKey: 'key-1', eventTimeMs: noonMs + dayMs + 123 }),
  usage({ organization: otherOrganization, quantity: '0', eventTimeMs: noonMs + 15 * 60_000 }),
];

/** Two that are refused, a conflict, two duplicates, and one of a closed day. */
const laterEvents: readonly SealedEvent[] = [
  usage({ quantity: '1e5', idempotencyKey: 'refused-1' }),
  usage({ organization: 'no name', idempotencyKey: 'refused-2' }),
  usage({ quantity: '7' }),
  usage({ quantity: '1.5' }),
  usage({ quantity: '2', idempotencyKey: 'key-2', undated: true, eventTimeMs: noonMs + dayMs }),
  usage({ quantity: '3', idempotencyKey: 'late', eventTimeMs: closedDayMs }),
];

/** Values of consecutive records of `goldenPartition`. */
export function goldenValues(): readonly Buffer[] {
  const partition = goldenPartition;
  const damaged = envelope([usage({ idempotencyKey: 'damaged' })], { partition, sequence: 99 });
  damaged.writeUInt8(damaged.readUInt8(60) ^ 1, 60);
  return [
    envelope(goldenEvents, { partition, sequence: firstSequence, createdAtMs: noonMs + 1234 }),
    Buffer.from('{"organization_id":"not an envelope"}'),
    damaged,
    envelope([usage({})], { partition: goldenPartition + 1, sequence: 98 }),
    envelope(laterEvents, { partition, sequence: firstSequence + 1, createdAtMs: noonMs + 5678 }),
  ];
}
