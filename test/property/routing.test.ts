import fc from 'fast-check';
import { expect, it } from 'vitest';
import { bucketCount, shardCount } from '../../shared/limits.ts';
import { bucketOf, partitionOf, partitionsOf, shardOf } from '../../shared/log/routing.ts';

const partitions = 20;
const organization = fc.string({ unit: fc.constantFrom(...'abcXYZ019._:@-'), minLength: 1, maxLength: 128 });

// Written down once: a change of any of these would send an organization's events to another partition than
// its earlier ones, where equal keys no longer meet.
it.each([
  ['org_1', 185],
  ['org_2', 579],
  ['azure-llm-conv', 754],
  ['azure-llm-code', 744],
])('the bucket of %s never changes', (name, bucket) => {
  expect(bucketOf(name)).toBe(bucket);
});

it('an organization has one bucket, one partition and one home shard, all in range', () => {
  fc.assert(
    fc.property(organization, (name) => {
      const bucket = bucketOf(name);
      expect(Number.isInteger(bucket) && bucket >= 0 && bucket < bucketCount).toBe(true);
      const partition = partitionOf(name, partitions);
      expect(partition >= 0 && partition < partitions).toBe(true);
      expect(partitionsOf({ shard: shardOf(partition), partitions })).toContain(partition);
    }),
  );
});

it('every partition has one home shard, and shards have equally many', () => {
  const homes = Array.from({ length: shardCount }, (_, shard) => partitionsOf({ shard, partitions }));
  expect(homes.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: partitions }, (_, i) => i));
  expect(new Set(homes.map((home) => home.length)).size).toBe(1);
});

it('similar names spread evenly over the partitions', () => {
  const counts = new Array<number>(partitions).fill(0);
  const names = 20_000;
  for (let i = 0; i < names; i++) {
    const partition = partitionOf(`org_${i}`, partitions);
    counts[partition] = (counts[partition] ?? 0) + 1;
  }
  const mean = names / partitions;
  // Five standard deviations of an even draw, and the four buckets that 1,024 modulo 20 leaves over.
  const slack = 5 * Math.sqrt(mean) + (mean * partitions) / bucketCount;
  for (const count of counts) expect(Math.abs(count - mean)).toBeLessThan(slack);
});
