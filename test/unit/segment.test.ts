import { describe, expect, it } from 'vitest';
import { foldRecords } from '../../shared/segments/fold.ts';
import { decodeSegment, encodeSegment, sealScope } from '../../shared/segments/segment.ts';
import { envelope, records, sealedEvent } from '../harness/builders/records.ts';

const seal = { scope: sealScope({ topicId: 'topic', generation: 1 }), key: Buffer.alloc(32, 1) };
const [segment] = foldRecords(
  records([envelope([sealedEvent(), sealedEvent({ idempotencyKey: 'b' })])]),
  0,
).segments;
if (segment === undefined) throw new Error('a fold of one record is one segment');
const bytes = encodeSegment(segment, seal);

describe('segment', () => {
  it('reads back what was written', () => {
    expect(decodeSegment(bytes, seal)).toEqual(segment);
  });

  it.each(Array.from({ length: 12 }, (_, i) => Math.floor((i * (bytes.length - 1)) / 11)))(
    'U6: a segment with byte %i flipped is no segment',
    (at) => {
      const damaged = Buffer.from(bytes);
      damaged.writeUInt8(damaged.readUInt8(at) ^ 1, at);
      expect(decodeSegment(damaged, seal)).toBeNull();
    },
  );

  it.each([
    ['another key', { ...seal, key: Buffer.alloc(32, 2) }],
    ['another topic', { ...seal, scope: sealScope({ topicId: 'other', generation: 1 }) }],
    ['another generation', { ...seal, scope: sealScope({ topicId: 'topic', generation: 2 }) }],
  ])('U6: a segment sealed for %s is no segment', (_name, other) => {
    expect(decodeSegment(encodeSegment(segment, other), seal)).toBeNull();
  });

  it.each([0, 3, 40])('U6: a segment cut to %i bytes is no segment', (length) => {
    expect(decodeSegment(bytes.subarray(0, length), seal)).toBeNull();
  });
});
