import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { keyHash } from '../../shared/events/identity.ts';
import { dayMs, eventDaysMax, refusedEventsMax, segmentEventsMax } from '../../shared/limits.ts';
import { recordHashOf } from '../../shared/log/envelope.ts';
import { readCopyTuples, readRowUsage } from '../../shared/log/row-tuple.ts';
import { foldRecords } from '../../shared/segments/fold.ts';
import { envelope, newerEnvelope, noonMs, records, sealedEvent } from '../harness/builders/records.ts';

describe('foldRecords', () => {
  it('makes one segment of a range, with rows, sums and the hash of the last record', () => {
    const values = [
      envelope([sealedEvent({ quantity: '1.5' }), sealedEvent({ idempotencyKey: 'b', quantity: '2.25' })]),
      envelope([sealedEvent({ idempotencyKey: 'c', metric: 'storage', undated: true })]),
    ];
    const { segments, stop } = foldRecords(records(values, 40), 0);
    expect(stop).toBeNull();
    expect(segments).toHaveLength(1);
    const meta = segments[0]?.meta;
    expect(meta).toMatchObject({ partition: 0, from: 40, to: 42, seen: 3, undated: 1, refusals: [] });
    expect(meta?.recordHash).toBe(recordHashOf(values[1] ?? Buffer.alloc(0)));
    expect(meta?.rollups).toMatchObject([
      { organization: 'org_1', metric: 'api_calls', quarter: noonMs / 900_000, total: '3.75', count: 2 },
      { organization: 'org_1', metric: 'storage', quarter: noonMs / 900_000, total: '1', count: 1 },
    ]);
  });

  it('writes rows that read back as they were', () => {
    const quantities = [
      '0',
      '-0.000000000000000001',
      '99999999999999999999.999999999999999999',
      '10000',
      '0.0001',
    ];
    const events = quantities.map((quantity, i) =>
      sealedEvent({ quantity, idempotencyKey: `k${i}`, undated: i === 3 }),
    );
    const { segments } = foldRecords(records([envelope(events)], 7), 0);
    const rows = segments[0]?.days[0]?.rows ?? Buffer.alloc(0);
    const tuples = readCopyTuples(rows);
    expect(tuples.map(({ at }) => readRowUsage(rows, at).quantity)).toEqual(quantities);
    expect(tuples.map(({ index, offset, undated }) => [offset, index, undated])).toEqual(
      quantities.map((_, i) => [7, i, i === 3]),
    );
    expect(tuples[2]?.keyHash).toBe(keyHash('org_1', 'k2'));
    expect(readRowUsage(rows, 0)).toMatchObject({
      organization: 'org_1',
      metric: 'api_calls',
      eventTimeMs: noonMs,
    });
  });

  it('U9: a segment holds the events of at most 64 days, and an envelope of more is one of its own', () => {
    const envelopeOf = (days: number, first: number) =>
      envelope(
        Array.from({ length: days }, (_, i) =>
          sealedEvent({ eventTimeMs: noonMs - (first + i) * dayMs, idempotencyKey: `k${i}` }),
        ),
      );
    const values = [envelopeOf(40, 0), envelopeOf(40, 20), envelopeOf(20, 10), envelopeOf(40, 100)];
    const old = envelopeOf(eventDaysMax + 1, 0);
    const { segments, stop } = foldRecords(records([...values, old, old, envelopeOf(1, 0)]), 0);
    expect(segments.map(({ meta }) => [meta.from, meta.to, meta.days.length])).toEqual([
      [0, 3, 60],
      [3, 4, 40],
      [4, 5, 65],
      [5, 6, 65],
      [6, 7, 1],
    ]);
    expect(stop).toBeNull();
  });

  it('splits rows by UTC day of the event time', () => {
    const events = [noonMs, noonMs + dayMs, noonMs].map((eventTimeMs, i) =>
      sealedEvent({ eventTimeMs, idempotencyKey: `k${i}` }),
    );
    const { segments } = foldRecords(records([envelope(events)]), 0);
    const day = Math.floor(noonMs / dayMs);
    expect(segments[0]?.meta.days.map(({ day, count }) => [day, count])).toEqual([
      [day, 2],
      [day + 1, 1],
    ]);
  });

  it('carries a foreign record as quarantined and counts its neighbours', () => {
    const poison = Buffer.from('not an envelope');
    const values = [envelope([sealedEvent()]), poison, envelope([sealedEvent({ idempotencyKey: 'b' })])];
    const { segments } = foldRecords(records(values), 0);
    expect(segments[0]?.meta).toMatchObject({
      to: 3,
      seen: 2,
      refusals: [{ offset: 1, index: -1, code: 'foreign_magic', bytes: poison.toString('base64') }],
    });
  });

  it('refuses an event that cannot be counted and keeps it with its bytes', () => {
    const events = [sealedEvent(), sealedEvent({ quantity: 'NaN' })];
    const { segments } = foldRecords(records([envelope(events)]), 0);
    expect(segments[0]?.meta).toMatchObject({
      seen: 2,
      refusals: [{ offset: 0, index: 1, code: 'quantity_invalid' }],
    });
    expect(segments[0]?.days[0]?.count).toBe(1);
  });

  it('refuses tuples of version 2 for what is in them, with their bytes, and folds the others', () => {
    const fields = [
      { organization: 'no name' },
      { metric: '' },
      { quantity: '1.50' },
      { eventTimeMs: Date.UTC(2000, 0, 1) - 1 },
      { eventTimeMs: Date.UTC(2200, 0, 1) },
      { idempotencyKey: '' },
      { idempotencyKey: 'k'.repeat(513) },
      { idempotencyKey: 'a\0b' },
      { dimensions: 'other' },
      { dimensions: '{"region":1}' },
    ];
    const events = [
      sealedEvent(),
      ...fields.map((one) => sealedEvent(one)),
      sealedEvent({ idempotencyKey: 'last' }),
    ];
    const { segments } = foldRecords(records([envelope(events, { version: 2 })], 2 ** 33), 0);
    const { meta, days } = segments[0] ?? {};
    expect(meta?.refusals.map(({ code }) => code)).toEqual([
      ...[
        'organization_invalid',
        'metric_invalid',
        'quantity_invalid',
        'event_time_invalid',
        'event_time_invalid',
      ],
      ...['idempotency_key_invalid', 'idempotency_key_invalid', 'idempotency_key_invalid'],
      ...['dimensions_invalid', 'dimensions_invalid'],
    ]);
    expect(days?.map(({ count }) => count)).toEqual([2]);
    const kept = meta?.refusals.map(({ bytes }) => readCopyTuples(Buffer.from(bytes, 'base64')));
    expect(kept?.map((tuples) => tuples.map(({ offset, index }) => [offset, index]))).toEqual(
      fields.map((_, i) => [[2 ** 33, i + 1]]),
    );
  });

  it('waits before a record of version 2 that is not what its header says', () => {
    const value = envelope([sealedEvent(), sealedEvent({ idempotencyKey: 'b' })], { version: 2 });
    const changed = (at: number, byte: number) => {
      const bytes = Buffer.from(value);
      bytes.writeUInt8(byte, 48 + at);
      bytes.writeUInt32BE(crc32(bytes.subarray(16), crc32(bytes.subarray(0, 12))), 12);
      return foldRecords(records([bytes], 7), 0).stop?.reason;
    };
    // Field count, offset, index, undated, day, created_at, shard, partition.
    expect([changed(1, 15), changed(53, 1), changed(61, 1), changed(66, 2)]).toEqual([
      ...["the envelope's checksum is right, but the body is not a list of event tuples"],
      ...["the envelope's checksum is right, but a tuple is not at its place"],
      ...["the envelope's checksum is right, but a tuple is not at its place"],
      ...["the envelope's checksum is right, but the body is not a list of event tuples"],
    ]);
    expect(changed(74, 99)).toBe(
      "the envelope's checksum is right, but a tuple is of another day than its time",
    );
    for (const at of [98, 104, 110]) {
      expect(changed(at, 77)).toBe("the envelope's checksum is right, but a tuple is of another envelope");
    }
  });

  it('waits before a record of newer code, with what came before folded', () => {
    const { segments, stop } = foldRecords(records([envelope([sealedEvent()]), newerEnvelope()]), 0);
    expect(segments[0]?.meta.to).toBe(1);
    expect(stop).toMatchObject({ offset: 1 });
  });

  it('waits when more events are refused than a bug of one client explains', () => {
    const bad = Array.from({ length: refusedEventsMax + 1 }, (_, i) =>
      sealedEvent({ quantity: '1e5', idempotencyKey: `k${i}` }),
    );
    expect(foldRecords(records([envelope(bad)]), 0)).toMatchObject({ segments: [], stop: { offset: 0 } });
    expect(foldRecords(records([envelope(bad.slice(1))]), 0).stop).toBeNull();
  });

  it('starts a new segment above segmentEventsMax and at a hole in the offsets', () => {
    const events = Array.from({ length: 900 }, (_, i) => sealedEvent({ idempotencyKey: `k${i}` }));
    const many = Array.from({ length: Math.ceil(segmentEventsMax / 900) + 1 }, () => envelope(events));
    expect(foldRecords(records(many), 0).segments.length).toBe(2);
    const value = envelope([sealedEvent()]);
    const holed = [
      { offset: 1, value },
      { offset: 3, value },
    ];
    expect(foldRecords(holed, 0).segments.map(({ meta }) => [meta.from, meta.to])).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });
});
