import { describe, expect, it } from 'vitest';
import { fingerprintOf, keyHash } from '../../shared/events/identity.ts';
import { type CountedRow, deduplicate, isConflict, probesOf } from '../../shared/ledger/deduplicate.ts';
import { dayMs } from '../../shared/limits.ts';
import type { KeyedRow } from '../../shared/log/row-tuple.ts';

interface Sent {
  readonly day: number;
  readonly undated?: true;
  readonly key?: string;
  readonly organization?: string;
  readonly payload?: string;
}

/** Events as rows in log order, several to a record, so that both offset and index order them. */
function rowsOf(sent: readonly Sent[], firstOffset = 0): readonly KeyedRow[] {
  return sent.map((event, position) => ({
    keyHash: keyHash(event.organization ?? 'acme', event.key ?? 'key-1'),
    fingerprint: (event.payload ?? 'aa').padEnd(32, '0'),
    offset: firstOffset + Math.floor(position / 2),
    index: position % 2,
    undated: event.undated ?? false,
    eventTimeMs: event.day * dayMs,
    day: event.day,
  }));
}

const d = 20_000;
const dated = (day: number) => ({ day });
const undated = (day: number) => ({ day, undated: true as const });

const truthTable: readonly { name: string; sent: readonly Sent[]; counted: readonly boolean[] }[] = [
  {
    name: 'dated, same day, whatever the hour: duplicate',
    sent: [dated(d), dated(d)],
    counted: [true, false],
  },
  { name: 'dated 23:50 D and 00:10 D+1: two', sent: [dated(d), dated(d + 1)], counted: [true, true] },
  { name: 'dated D+1, then dated D: two', sent: [dated(d + 1), dated(d)], counted: [true, true] },
  { name: 'undated both, same day: duplicate', sent: [undated(d), undated(d)], counted: [true, false] },
  { name: 'undated both, next day: duplicate', sent: [undated(d), undated(d + 1)], counted: [true, false] },
  {
    name: 'undated both, the day before: duplicate',
    sent: [undated(d), undated(d - 1)],
    counted: [true, false],
  },
  { name: 'undated both, two days apart: two', sent: [undated(d), undated(d + 2)], counted: [true, true] },
  { name: 'undated both, three days apart: two', sent: [undated(d), undated(d + 3)], counted: [true, true] },
  { name: 'undated D, then dated D: duplicate', sent: [undated(d), dated(d)], counted: [true, false] },
  { name: 'undated D, then dated D+1: two', sent: [undated(d), dated(d + 1)], counted: [true, true] },
  { name: 'dated D+1, then undated D: duplicate', sent: [dated(d + 1), undated(d)], counted: [true, false] },
  { name: 'dated D-1, then undated D: duplicate', sent: [dated(d - 1), undated(d)], counted: [true, false] },
  { name: 'dated D+2, then undated D: two', sent: [dated(d + 2), undated(d)], counted: [true, true] },
  {
    name: 'a duplicate makes no duplicates: undated D, D+1, D+2 count first and third',
    sent: [undated(d), undated(d + 1), undated(d + 2)],
    counted: [true, false, true],
  },
  {
    name: 'other organization: two',
    sent: [dated(d), { ...dated(d), organization: 'bcme' }],
    counted: [true, true],
  },
  { name: 'other key: two', sent: [dated(d), { ...dated(d), key: 'key-2' }], counted: [true, true] },
  {
    name: 'other payload: duplicate',
    sent: [dated(d), { ...dated(d), payload: 'bb' }],
    counted: [true, false],
  },
];

const placesOf = (rows: readonly { offset: number; index: number }[]) =>
  rows.map(({ offset, index }) => [offset, index]);

describe('U2: the truth table of identity', () => {
  it.each(truthTable)('U2: within one range, $name', ({ sent, counted }) => {
    const rows = rowsOf(sent);
    const { winners, duplicates } = deduplicate(rows, []);
    expect(placesOf(winners)).toEqual(placesOf(rows.filter((_, i) => counted[i])));
    expect(placesOf(duplicates.map(({ row }) => row))).toEqual(placesOf(rows.filter((_, i) => !counted[i])));
  });

  it.each(truthTable)('U2: one range per event, $name', ({ sent, counted }) => {
    const table: CountedRow[] = [];
    const outcome = sent.map((event, position) => {
      const rows = rowsOf([event], position);
      const probes = new Set(probesOf(rows).map(({ day, keyHashes }) => `${day} ${keyHashes.join()}`));
      const found = table.filter((row) => probes.has(`${row.day} ${row.keyHash}`));
      const { winners } = deduplicate(rows, found);
      table.push(...winners);
      return winners.length === 1;
    });
    expect(outcome).toEqual(counted);
  });
});

it('U2: a duplicate names the event that counted, and other content under its key is a conflict', () => {
  const rows = rowsOf([dated(d), { ...dated(d), payload: 'bb' }, dated(d)]);
  const { duplicates } = deduplicate(rows, []);
  expect(duplicates.map(({ first }) => [first.day, first.offset, first.index])).toEqual([
    [d, 0, 0],
    [d, 0, 0],
  ]);
  expect(duplicates.map(isConflict)).toEqual([true, false]);
});

it('U2: an undated event that is sent again with its stamp repeats it; with other content or time it does not', () => {
  const event = { organization: 'acme', metric: 'm', dimensions: '', quantity: '1', idempotencyKey: 'key-1' };
  const eventTimeMs = Date.UTC(2026, 10, 20, 23, 59, 59, 999);
  const rowOf = (fields: { undated: boolean; quantity?: string; eventTimeMs?: number }, offset: number) => {
    const content = { ...event, eventTimeMs, propertiesDigest: 'ab'.repeat(32), ...fields };
    const [row] = rowsOf([dated(Math.floor(content.eventTimeMs / dayMs))], offset);
    if (row === undefined) throw new Error('there is a row');
    return { ...row, ...fields, eventTimeMs: content.eventTimeMs, fingerprint: fingerprintOf(content) };
  };
  const verdicts = (first: KeyedRow, retries: readonly KeyedRow[]) =>
    deduplicate([first, ...retries], []).duplicates.map(isConflict);
  const undatedRow = (offset: number) => rowOf({ undated: true }, offset);
  const stamped = (offset: number) => rowOf({ undated: false }, offset);
  const others = [
    rowOf({ undated: false, quantity: '2' }, 2),
    rowOf({ undated: false, eventTimeMs: eventTimeMs - 1 }, 3),
  ];
  expect(verdicts(undatedRow(0), [stamped(1), ...others])).toEqual([false, true, true]);
  expect(verdicts(stamped(0), [undatedRow(1), ...others])).toEqual([false, true, true]);
});

it('U2: an undated duplicate names the event of its own day where neighbours hold the key too', () => {
  const [before, own, retry] = rowsOf([dated(d - 1), dated(d), undated(d)]);
  const { duplicates } = deduplicate(
    [before, own, retry].filter((row) => row !== undefined),
    [],
  );
  expect(duplicates.map(({ first }) => first)).toEqual([own]);
});

it('U2: probes ask for the own day of a dated row and for three days of an undated one, each key once', () => {
  const probes = probesOf(rowsOf([dated(d), dated(d), undated(d), { ...dated(d + 1), key: 'key-2' }]));
  expect(probes).toEqual([
    { day: d - 1, keyHashes: [keyHash('acme', 'key-1')] },
    { day: d, keyHashes: [keyHash('acme', 'key-1')] },
    { day: d + 1, keyHashes: [keyHash('acme', 'key-1'), keyHash('acme', 'key-2')] },
  ]);
});

it('U2: rows out of log order are refused, because the first would not win', () => {
  const [first, second] = rowsOf([dated(d), dated(d)]);
  expect(() =>
    deduplicate(
      [second, first].filter((row) => row !== undefined),
      [],
    ),
  ).toThrow('log order');
});
