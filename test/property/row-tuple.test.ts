import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { CopyRows } from '../../shared/log/row-tuple.ts';
import { usageRow } from '../harness/builders/ledger.ts';
import { tupleOf } from '../recount/row-tuple.ts';

vi.setConfig({ testTimeout: 30_000 });

/** Canonical decimals, with many zeros inside and at both ends of the groups of four digits. */
const digits = (max: number) => fc.string({ unit: fc.constantFrom('0', '0', '0', '1', '9'), maxLength: max });
const quantity = fc
  .record({ negative: fc.boolean(), whole: digits(20), fraction: digits(18) })
  .map(({ negative, whole, fraction }) => {
    const [integer, rest] = [whole.replace(/^0+/, '') || '0', fraction.replace(/0+$/, '')];
    const text = rest === '' ? integer : `${integer}.${rest}`;
    return negative && text !== '0' ? `-${text}` : text;
  });

it('U12: the recount writes every row as the bytes that were loaded, by code of its own', () => {
  const row = fc.record({
    quantity,
    offset: fc.maxSafeNat(),
    index: fc.nat(1000),
    undated: fc.boolean(),
    eventTimeMs: fc.integer({ min: Date.UTC(2000, 0, 1), max: Date.UTC(2199, 11, 31) }),
    createdAtMs: fc.integer({ min: Date.UTC(2020, 0, 1), max: Date.UTC(2100, 0, 1) }),
    idempotencyKey: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
    properties: fc.option(fc.uint8Array({ minLength: 46, maxLength: 60 }).map((bytes) => Buffer.from(bytes))),
  });
  fc.assert(
    fc.property(row, (fields) => {
      const loaded = usageRow(fields);
      const rows = new CopyRows();
      rows.append(loaded);
      const properties = loaded.properties?.toString('hex') ?? null;
      expect(tupleOf({ ...loaded, generation: 1, key: loaded.idempotencyKey, properties })).toEqual(
        rows.toBuffer(),
      );
    }),
    { numRuns: 2000 },
  );
});
