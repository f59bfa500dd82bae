import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type ApiKeyRow, isLive, joinAll, joinRows } from '../../shared/callers/api-key-row.ts';

const time = fc.option(fc.integer({ min: 0, max: 5 }));
/** What shards may know of one key. */
const row: fc.Arbitrary<ApiKeyRow> = fc
  .record({ expiresAtMs: time, revokedAtMs: time, version: fc.integer({ min: 1, max: 3 }) })
  .map((changing) => ({
    ...{ id: 'k', hash: Buffer.alloc(32), owner: 'o', scopes: ['read'], organizations: 'all' },
    ...{ keysRequired: false, createdBy: 'a', createdAtMs: 0 },
    ...changing,
  }));

it('rows of one key become the same in any order, any grouping, and however often', () => {
  fc.assert(
    fc.property(row, row, row, (a, b, c) => {
      expect(joinRows(a, b)).toEqual(joinRows(b, a));
      expect(joinRows(joinRows(a, b), c)).toEqual(joinRows(a, joinRows(b, c)));
      expect(joinRows(joinRows(a, b), b)).toEqual(joinRows(a, b));
    }),
  );
});

it('a key that has ended for one shard has ended for all', () => {
  fc.assert(
    fc.property(fc.array(row, { minLength: 1 }), fc.integer({ min: 0, max: 6 }), (rows, nowMs) => {
      const joined = joinAll(rows).get('k');
      expect(joined !== undefined && isLive(joined, nowMs)).toBe(rows.every((one) => isLive(one, nowMs)));
    }),
  );
});
