import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { canonicalDimensions, isCanonicalDimensions } from '../../shared/events/dimensions.ts';
import { fingerprintOf } from '../../shared/events/identity.ts';
import type { SealedEvent } from '../../shared/events/usage-event.ts';
import { dayMs } from '../../shared/limits.ts';
import { decodeEnvelope, encodeEnvelope, eventsOf } from '../../shared/log/envelope.ts';
import { isCanonicalNumeric, readNumeric, writeNumeric } from '../../shared/log/row-numeric.ts';
import { foldRecords } from '../../shared/segments/fold.ts';
import { envelope, noonMs, sealedEvent } from '../harness/builders/records.ts';
import { isCountable } from '../recount/countable.ts';
import { encodeRecord } from '../recount/encode.ts';
import { decode } from '../recount/envelope.ts';
import { fingerprintOf as recountFingerprint } from '../recount/hashes.ts';
import { numeric } from '../recount/row-tuple.ts';

vi.setConfig({ testTimeout: 60_000 });

const digits = (max: number) => fc.string({ unit: fc.constantFrom('0', '0', '1', '9'), maxLength: max });
const quantity = fc
  .record({ negative: fc.boolean(), whole: digits(20), fraction: digits(18) })
  .map(({ negative, whole, fraction }) => {
    const [integer, rest] = [whole.replace(/^0+/, '') || '0', fraction.replace(/0+$/, '')];
    const text = rest === '' ? integer : `${integer}.${rest}`;
    return negative && text !== '0' ? `-${text}` : text;
  });
const value = fc
  .string({ unit: 'grapheme', maxLength: 12 })
  .filter((text) => text.isWellFormed() && !/\p{Cc}/u.test(text));
const dimensions = fc
  .uniqueArray(fc.tuple(fc.constantFrom('region', 'model', 'a', '1', '10', '9', '__proto__'), value), {
    maxLength: 4,
    selector: ([name]) => name,
  })
  .map((members) => canonicalDimensions(new Map(members)));
const key = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  .filter((text) => text.isWellFormed() && !text.includes('\0'));
const fields = fc.record({
  organization: fc.constantFrom('org_1', 'a', 'a'.repeat(128)),
  metric: fc.constantFrom('api_calls', 'openai/gpt-4o', 'm'),
  quantity,
  idempotencyKey: key,
  eventTimeMs: fc.integer({ min: noonMs - 2 * dayMs, max: noonMs + 2 * dayMs }),
  undated: fc.boolean(),
  dimensions,
  sealed: fc.option(
    fc.uint8Array({ minLength: 17, maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString('base64')),
  ),
});
const events = fc.array(fields, { maxLength: 12 }).map((all) => all.map((one) => sealedEvent(one)));
const header = { partition: 3, producerId: Buffer.alloc(16, 7), sequence: 5, createdAtMs: noonMs + 7 };
const checked = (bytes: Buffer) => {
  bytes.writeUInt32BE(crc32(bytes.subarray(16), crc32(bytes.subarray(0, 12))), 12);
  return bytes;
};
const toLogged = ({ idempotencyKey, ...event }: SealedEvent) => ({ ...event, key: idempotencyKey });

it('an envelope of version 2 is read back as it was written, by us and by the recount', () => {
  fc.assert(
    fc.property(events, (sent) => {
      const bytes = encodeEnvelope({ version: 2, ...header }, sent);
      const decoded = decodeEnvelope(bytes, header.partition);
      expect(decoded).toMatchObject({ kind: 'envelope', envelope: header });
      expect(decoded.kind === 'envelope' && eventsOf(decoded.envelope)).toEqual(sent);
      expect(decode(bytes, header.partition)).toMatchObject({
        ...{ kind: 'envelope', version: 2, sequence: 5, createdAtMs: header.createdAtMs, count: sent.length },
        events: sent.map(toLogged),
      });
    }),
  );
});

it('U12: the recount writes the same bytes of an envelope by code of its own', () => {
  fc.assert(
    fc.property(events, (sent) => {
      const theirs = encodeRecord(
        { version: 2, partition: 3, producer: '07'.repeat(16), sequence: 5, createdAtMs: header.createdAtMs },
        sent.map(toLogged),
      );
      expect(encodeEnvelope({ version: 2, ...header }, sent)).toEqual(theirs);
    }),
  );
});

it('U5: the same events in both versions become the same segment', () => {
  fc.assert(
    fc.property(fc.array(events, { minLength: 1, maxLength: 4 }), (batches) => {
      const plain = batches.map((batch) => batch.map((event) => sealedEvent({ ...event, dimensions: '' })));
      const folded = ([1, 2] as const).map((version) => {
        const values = plain.map((batch, sequence) =>
          encodeEnvelope({ version, ...header, sequence }, batch),
        );
        const records = values.map((bytes, i) => ({ offset: 2 ** 33 + i, value: bytes }));
        const { segments, stop } = foldRecords(records, header.partition);
        return {
          stop,
          segments: segments.map(({ meta, days }) => ({ meta: { ...meta, recordHash: '' }, days })),
        };
      });
      expect(folded[0]).toEqual(folded[1]);
    }),
  );
});

it('whatever a byte of the body is, a checked envelope is folded, refused or waited for, and the recount agrees', () => {
  fc.assert(
    fc.property(events, fc.nat(), fc.nat(255), (sent, at, byte) => {
      const bytes = encodeEnvelope({ version: 2, ...header }, sent);
      if (bytes.length > 48) bytes.writeUInt8(byte, 48 + (at % (bytes.length - 48)));
      const value = checked(bytes);
      const { segments, stop } = foldRecords([{ offset: 9, value }], header.partition);
      const recounted = decode(value, header.partition);
      if (stop !== null) return;
      if (recounted.kind !== 'envelope') throw new Error(`${recounted.kind}, but it was folded`);
      const counted = segments.flatMap(({ days }) => days).reduce((sum, { count }) => sum + count, 0);
      expect(recounted.events.filter(isCountable)).toHaveLength(counted);
    }),
    { numRuns: 1500, endOnFailure: true },
  );
});

it('U13: a numeric is canonical exactly where it is what a quantity is written as', () => {
  const words = fc.array(
    fc.oneof(fc.constantFrom(0, 1, 2, 3, 100, 9999, 10_000, 0x4000, 0xffff), fc.nat(0xffff)),
    { maxLength: 9 },
  );
  fc.assert(
    fc.property(words, (sent) => {
      const bytes = Buffer.alloc(2 * sent.length);
      sent.forEach((word, i) => {
        bytes.writeUInt16BE(word, 2 * i);
      });
      if (!isCanonicalNumeric(bytes, { start: 0, end: bytes.length })) return;
      const text = readNumeric(bytes, 0);
      expect(text).toMatch(/^-?(0|[1-9]\d{0,19})(\.\d{0,17}[1-9])?$/);
      expect(numeric(text)).toEqual(bytes);
    }),
    { numRuns: 5000 },
  );
  fc.assert(
    fc.property(quantity, (text) => {
      const bytes = Buffer.alloc(64);
      const end = writeNumeric(bytes, text, 0);
      expect(isCanonicalNumeric(bytes, { start: 4, end })).toBe(true);
      expect(readNumeric(bytes, 4)).toBe(text);
    }),
  );
});

it('the recount takes the same texts for canonical dimensions', () => {
  const text = fc.oneof(
    dimensions,
    fc
      .tuple(dimensions, fc.nat(), fc.constantFrom(...'{}":,\\ax \n\u0085\ud800'))
      .map(([one, at, character]) => {
        const place = at % (one.length + 1);
        return one.slice(0, place) + character + one.slice(place + 1);
      }),
  );
  fc.assert(
    fc.property(text, (one) => {
      expect(isCountable({ ...toLogged(sealedEvent()), dimensions: one })).toBe(isCanonicalDimensions(one));
    }),
    { numRuns: 1500, endOnFailure: true },
  );
});

it('U2: dimensions are part of the fingerprint, and never of the identity', () => {
  fc.assert(
    fc.property(fields, dimensions, (event, others) => {
      const one = { ...event, propertiesDigest: null };
      expect(fingerprintOf({ ...one, dimensions: others }) === fingerprintOf(one)).toBe(
        others === event.dimensions,
      );
      const logged = toLogged(sealedEvent({ ...event, sealed: null }));
      expect(recountFingerprint(logged)).toBe(logged.fingerprint);
    }),
  );
});

it('code that knows version 1 only waits before a record of version 2, and loses nothing before it', () => {
  const [before, after] = ([1, 2] as const).map((version) => envelope([sealedEvent()], { version }));
  const values = [before, after, before].map((bytes, i) => ({ offset: i, value: bytes ?? Buffer.alloc(0) }));
  const { segments, stop } = foldRecords(values, 0, [1]);
  expect(segments.map(({ meta }) => [meta.from, meta.to])).toEqual([[0, 1]]);
  expect(stop).toEqual({ offset: 1, reason: 'the envelope has version 2, which newer code writes' });
  expect(foldRecords(values, 0).segments.map(({ meta }) => [meta.from, meta.to])).toEqual([[0, 3]]);
});
