import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import {
  canonicalDimensions,
  dimensionSetOf,
  isCanonicalDimensions,
} from '../../shared/events/dimensions.ts';
import { digestOfSums } from '../../shared/ledger/digests.ts';
import {
  type DimensionSet,
  dimensionSetsOf,
  type TotalChange,
  totalChanges,
} from '../../shared/ledger/dimension-sets.ts';
import { dimensionSetsMax } from '../../shared/limits.ts';
import type { CopyRow } from '../../shared/log/row-tuple.ts';
import { RollupSums } from '../../shared/segments/rollup.ts';
import { usageRow } from '../harness/builders/ledger.ts';
import { noonMs } from '../harness/builders/records.ts';
import { DimensionSets } from '../recount/dimension-sets.ts';
import { addTo, digestOfSums as digestOfRecount, type Sum, sumOf } from '../recount/sums.ts';

vi.setConfig({ testTimeout: 60_000 });

const value = fc
  .string({ unit: 'grapheme', maxLength: 20 })
  .filter((text) => !/\p{Cc}/u.test(text) && text.isWellFormed());
const name = fc.string({ unit: fc.constantFrom(...'abz019_'), minLength: 1, maxLength: 10 });
const dimensions = fc.uniqueArray(fc.tuple(name, value), {
  minLength: 1,
  maxLength: 8,
  selector: ([key]) => key,
});

it('dimensions have one canonical text, in whatever order they come, and it reads back', () => {
  fc.assert(
    fc.property(dimensions, (members) => {
      const text = canonicalDimensions(new Map(members));
      expect(canonicalDimensions(new Map(members.toReversed()))).toBe(text);
      expect(isCanonicalDimensions(text)).toBe(true);
      expect(new Map(Object.entries(JSON.parse(text)))).toEqual(new Map(members));
    }),
  );
});

it.each([
  ...[
    'other',
    '{}',
    '[]',
    'null',
    '"a"',
    '{"a":1}',
    '{"a":"b"} ',
    '{"a": "b"}',
    '{"b":"1","a":"1"}',
    '{"a":"1","a":"1"}',
  ],
  ...[
    '{"A":"b"}',
    '{"":"b"}',
    '{"a":"\\u0062"}',
    '{"a":"\\n"}',
    '{"a":"\\ud800"}',
    `{"a":"${'x'.repeat(129)}"}`,
  ],
  `{${Array.from({ length: 9 }, (_, i) => `"n${i}":""`).join(',')}}`,
  `{"${'n'.repeat(65)}":""}`,
])('%s is no canonical text of dimensions', (text) => {
  expect(isCanonicalDimensions(text)).toBe(false);
});

it('128 characters are counted as characters, also beyond the first 65,536', () => {
  expect(isCanonicalDimensions(`{"a":"${'🔑'.repeat(128)}"}`)).toBe(true);
  expect(isCanonicalDimensions(`{"a":"${'🔑'.repeat(129)}"}`)).toBe(false);
});

/** The shard's rule, as `keep_dimension_sets` has it. */
class KnownSets {
  readonly #known = new Map<string, Set<string>>();

  keep(sets: readonly DimensionSet[]): readonly DimensionSet[] {
    return sets.filter(({ organization, metric, day, dimensions: set }) => {
      const key = `${organization} ${metric} ${day}`;
      const known = this.#known.get(key) ?? new Set();
      this.#known.set(key, known);
      if (known.size < dimensionSetsMax) known.add(set);
      return known.has(set);
    });
  }
}

const event = fc.record({
  quantity: fc.constantFrom(
    '0',
    '1',
    '-1',
    '0.5',
    '-0.25',
    '10',
    '9',
    '12345678901234567890.000000000000000001',
  ),
  dimensions: fc.oneof(
    { weight: 1, arbitrary: fc.constant('') },
    { weight: 9, arbitrary: fc.nat(dimensionSetsMax + 300).map((n) => `{"n":"${n}"}`) },
  ),
  metric: fc.constantFrom('a', 'b'),
  minutes: fc.nat(40),
});

/** In ranges, as commits count them: folded in segments, then settled with what the shard keeps apart. */
function changesOf(ranges: readonly (readonly CopyRow[])[]): readonly (readonly TotalChange[])[] {
  const known = new KnownSets();
  return ranges.map((rows) => {
    const segments = [rows.slice(0, rows.length / 2), rows.slice(rows.length / 2)];
    const sums = new RollupSums();
    for (const segment of segments) {
      const folded = new RollupSums();
      for (const row of segment) folded.addEvent(row, row);
      for (const rollup of folded.toRollups()) sums.addRollup(rollup);
    }
    const rollups = sums.toRollups();
    return totalChanges(rollups, known.keep(dimensionSetsOf(rollups)));
  });
}

it('U4: ranges that overflow a day are counted as the recount counts their events one by one', () => {
  const events = fc.array(event, { minLength: 1500, maxLength: 2500 });
  const cuts = fc.array(fc.nat(2500), { maxLength: 6 });
  fc.assert(
    fc.property(events, cuts, (sent, at) => {
      const rows = sent.map(({ minutes, ...fields }, i) =>
        usageRow({
          ...fields,
          offset: Math.floor(i / 100),
          index: i % 100,
          eventTimeMs: noonMs + minutes * 60_000,
        }),
      );
      const bounds = [0, ...at.filter((cut) => cut < rows.length).toSorted((a, b) => a - b), rows.length];
      const ranges = bounds
        .slice(1)
        .map((end, i) => rows.slice(bounds[i], end))
        .filter((range) => range.length > 0);
      const sets = new DimensionSets();
      const recounted = ranges.map((range) => {
        const sums = new Map<string, Sum>();
        for (const row of range) {
          const properties = null;
          const shardRow = { ...row, generation: 1, key: row.idempotencyKey, properties };
          addTo(sums, sumOf(shardRow, sets.setOf(shardRow)));
        }
        return digestOfRecount([...sums.values()]);
      });
      expect(changesOf(ranges).map(digestOfSums)).toEqual(recounted);
    }),
    { numRuns: 15 },
  );
});

it('a set is 16 bytes of a hash over its text; the empty set and `other` are like no other', () => {
  expect([dimensionSetOf(''), dimensionSetOf('other')]).toEqual(['0'.repeat(32), 'f'.repeat(32)]);
  expect(dimensionSetOf('{"region":"eu"}')).toMatch(/^[0-9a-f]{32}$/);
});
