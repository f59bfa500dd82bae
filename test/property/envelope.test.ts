import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import type { SealedEvent } from '../../shared/events/usage-event.ts';
import { batchEventsMax, propertiesBytesMax } from '../../shared/limits.ts';
import {
  decodeEnvelope,
  encodeEnvelope,
  envelopeVersions,
  eventBytesBound,
  eventsOf,
} from '../../shared/log/envelope.ts';

vi.setConfig({ testTimeout: 30_000 });

const name = fc.string({ unit: fc.constantFrom(...'abcXYZ019._:@-'), minLength: 1, maxLength: 128 });
const key = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 100 });
const sealedEvent: fc.Arbitrary<SealedEvent> = fc.record({
  organization: name,
  metric: name,
  quantity: fc.constantFrom('0', '-1.5', '12345678901234567890.123456789012345678'),
  idempotencyKey: key,
  eventTimeMs: fc.integer({ min: 946_684_800_000, max: 4_102_444_800_000 }),
  undated: fc.boolean(),
  fingerprint: fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 32, maxLength: 32 }),
  sealed: fc.option(fc.uint8Array({ maxLength: 150 }).map((bytes) => Buffer.from(bytes).toString('base64'))),
  dimensions: fc.constant(''),
});
const header = fc.record({
  version: fc.constantFrom(...envelopeVersions),
  // A row has 15 bits for it.
  partition: fc.integer({ min: 0, max: 32_767 }),
  producerId: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes)),
  sequence: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  createdAtMs: fc.integer({ min: 0, max: 4_102_444_800_000 }),
});
const events = fc.array(sealedEvent, { maxLength: 20 });

it('an envelope is read back as it was written', () => {
  fc.assert(
    fc.property(header, events, (head, body) => {
      const decoded = decodeEnvelope(encodeEnvelope(head, body), head.partition);
      expect(decoded).toMatchObject({ kind: 'envelope', envelope: head });
      expect(decoded.kind === 'envelope' && eventsOf(decoded.envelope)).toEqual(body);
    }),
  );
});

it('one damaged byte is noticed wherever it is, except in the magic word, where it is foreign', () => {
  fc.assert(
    fc.property(header, events, fc.nat(), fc.integer({ min: 1, max: 255 }), (head, body, at, change) => {
      const bytes = encodeEnvelope(head, body);
      const place = at % bytes.length;
      bytes.writeUInt8(bytes.readUInt8(place) ^ change, place);
      const code = place < 4 ? 'foreign_magic' : 'foreign_checksum';
      expect(decodeEnvelope(bytes, head.partition)).toEqual({ kind: 'foreign', code });
    }),
  );
});

it('a cut envelope is foreign', () => {
  fc.assert(
    fc.property(header, events, fc.nat(), (head, body, at) => {
      const bytes = encodeEnvelope(head, body);
      expect(decodeEnvelope(bytes.subarray(0, at % bytes.length), head.partition).kind).toBe('foreign');
    }),
  );
});

it('an envelope of another partition is foreign', () => {
  fc.assert(
    fc.property(header, events, (head, body) => {
      const other = (head.partition + 1) % 32_768;
      const decoded = decodeEnvelope(encodeEnvelope(head, body), other);
      expect(decoded).toEqual({ kind: 'foreign', code: 'foreign_partition' });
    }),
  );
});

it('U5: an envelope whose header counts other events than its body holds is unreadable', () => {
  fc.assert(
    fc.property(header, events, fc.constantFrom(-1, 1), (head, body, more) => {
      const bytes = encodeEnvelope(head, body);
      bytes.writeInt32BE(body.length + more, 8);
      bytes.writeUInt32BE(crc32(bytes.subarray(16), crc32(bytes.subarray(0, 12))), 12);
      expect(decodeEnvelope(bytes, head.partition)).toMatchObject({ kind: 'unreadable' });
    }),
  );
});

it('any bytes have an answer', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(decodeEnvelope(Buffer.from(bytes), 0).kind).toBe('foreign');
    }),
  );
});

it('the bound of an event is never below what it takes in an envelope', () => {
  const head = {
    version: 2 as const,
    partition: 0,
    producerId: Buffer.alloc(16),
    sequence: 0,
    createdAtMs: 0,
  };
  const empty = encodeEnvelope(head, []).length;
  const properties = fc.option(fc.string({ unit: 'grapheme', maxLength: propertiesBytesMax / 4 }));
  fc.assert(
    fc.property(
      sealedEvent,
      properties,
      fc.integer({ min: 1, max: batchEventsMax }),
      (event, text, count) => {
        const tag = 16;
        const sealed = text === null ? null : Buffer.alloc(Buffer.byteLength(text) + tag).toString('base64');
        const copies = Math.min(count, 5);
        const bytes = encodeEnvelope(
          head,
          Array.from({ length: copies }, () => ({ ...event, sealed })),
        ).length;
        expect(eventBytesBound({ ...event, properties: text }) * copies).toBeGreaterThanOrEqual(
          bytes - empty,
        );
      },
    ),
  );
});
