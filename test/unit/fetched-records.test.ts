import { describe, expect, it } from 'vitest';
import { type FetchedBatch, fromKafkaBatches } from '../../shared/log/kafka/fetched-records.ts';

function batch(firstOffset: number, count: number, attributes = 0): FetchedBatch {
  const records = Array.from({ length: count }, (_, offsetDelta) => ({
    offsetDelta,
    value: Buffer.from(String(firstOffset + offsetDelta)),
  }));
  return { firstOffset: BigInt(firstOffset), attributes, records };
}

const offsets = (batches: readonly FetchedBatch[], from: number) =>
  fromKafkaBatches(batches, from).map(({ offset }) => offset);

describe('U7: fetched records', () => {
  it('start at the offset asked for, although Kafka answers whole batches', () => {
    expect(offsets([batch(10, 4), batch(14, 2)], 12)).toEqual([12, 13, 14, 15]);
  });

  it('end before a gap, so that a list has no hole inside', () => {
    expect(offsets([batch(10, 2), batch(13, 2)], 10)).toEqual([10, 11]);
  });

  it('start behind a gap at the offset asked for, so that the caller sees it', () => {
    expect(offsets([batch(8, 2), batch(13, 2)], 10)).toEqual([13, 14]);
  });

  it('a marker of a transaction is a gap', () => {
    expect(offsets([batch(10, 1), batch(11, 1, 0x20), batch(12, 1)], 10)).toEqual([10]);
  });

  it.each([
    ['repeated', [batch(10, 2), batch(11, 1)]],
    ['backwards', [batch(10, 2), batch(3, 1)]],
    ['beyond 2^53', [{ ...batch(0, 1), firstOffset: 2n ** 53n }]],
  ])('offsets that are %s break an invariant', (_, batches) => {
    expect(() => offsets(batches, 0)).toThrowError(expect.objectContaining({ code: 'invariant_broken' }));
  });

  it('a record without value has no bytes', () => {
    const tombstone = { firstOffset: 1n, attributes: 0, records: [{ offsetDelta: 0, value: null }] };
    expect(fromKafkaBatches([tombstone], 1)).toEqual([{ offset: 1, value: Buffer.alloc(0) }]);
  });
});
