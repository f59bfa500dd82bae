import fc from 'fast-check';
import { expect, it } from 'vitest';
import { combineTime } from '../../shared/events/identity.ts';
import { type CountedRow, deduplicate, isConflict, probesOf } from '../../shared/ledger/deduplicate.ts';
import { dayMs } from '../../shared/limits.ts';
import type { KeyedRow } from '../../shared/log/row-tuple.ts';
import { FirstOfKey } from '../recount/first-of-key.ts';

/** Few keys and days, so that nearly every event meets another. */
const event = fc.record({
  key: fc.integer({ min: 0, max: 3 }).map((key) => `key-${key}`),
  day: fc.integer({ min: 20_000, max: 20_005 }),
  undated: fc.boolean(),
  minute: fc.integer({ min: 0, max: 1 }),
  content: fc.constantFrom('aa', 'bb').map((byte) => byte.repeat(16)),
});
const log = fc.array(event, { maxLength: 60 });

type LoggedKey = KeyedRow & { readonly key: string };

function toRows(
  events: readonly { key: string; day: number; undated: boolean; minute: number; content: string }[],
): readonly LoggedKey[] {
  return events.map(({ key, day, undated, minute, content }, position) => ({
    ...{ key, day, undated, keyHash: key, eventTimeMs: day * dayMs + minute * 60_000 },
    fingerprint: undated ? content : combineTime(content, day * dayMs + minute * 60_000),
    offset: Math.floor(position / 3),
    index: position % 3,
  }));
}

/** Range after range; the table answers the probes of a range and nothing else. */
function commitRanges(rows: readonly LoggedKey[], cuts: readonly number[]) {
  const table: CountedRow[] = [];
  const conflicts: KeyedRow[] = [];
  const bounds = [...new Set([0, ...cuts.map((cut) => cut % (rows.length + 1)), rows.length])].sort(
    (a, b) => a - b,
  );
  for (const [position, from] of bounds.entries()) {
    const range = rows.slice(from, bounds[position + 1]);
    const asked = new Set(
      probesOf(range).flatMap(({ day, keyHashes }) => keyHashes.map((key) => `${day} ${key}`)),
    );
    const { winners, duplicates } = deduplicate(
      range,
      table.filter(({ day, keyHash }) => asked.has(`${day} ${keyHash}`)),
    );
    table.push(...winners);
    conflicts.push(...duplicates.filter(isConflict).map(({ row }) => row));
  }
  return { counted: table, conflicts };
}

it('U2: however a log is cut into ranges, the same events count and conflict', () => {
  fc.assert(
    fc.property(log, fc.array(fc.nat(100), { maxLength: 8 }), (events, cuts) => {
      const rows = toRows(events);
      expect(commitRanges(rows, cuts)).toEqual(commitRanges(rows, []));
    }),
    { numRuns: 1000 },
  );
});

it('U2: the rule agrees with the recount, which knows only the contract', () => {
  fc.assert(
    fc.property(log, (events) => {
      const rows = toRows(events);
      const firsts = new FirstOfKey();
      const verdicts = rows.map((row) => firsts.take({ ...row, organization: 'acme' }));
      const { counted, conflicts } = commitRanges(rows, []);
      expect(counted).toEqual(rows.filter((_, i) => verdicts[i] === 'counts'));
      expect(conflicts).toEqual(rows.filter((_, i) => verdicts[i] === 'conflict'));
    }),
    { numRuns: 1000 },
  );
});
