/**
 * Which rows of a range count (U2). A key counts once per event day; an undated row, whose day is only the
 * stamp of its ingest, also yields to the same key on the day before or after, so that its retry across
 * midnight is recognised. Only counted rows make duplicates: a duplicate does not, or a chain of undated
 * retries would swallow a key for ever.
 *
 * Pure, so that the table and the range are one rule: what is counted already comes in as `counted`.
 */
import { invariant } from '../errors.ts';
import { repeats } from '../events/identity.ts';
import type { KeyedRow } from '../log/row-tuple.ts';

/** An event that is counted: in the table already, or earlier in the same range. */
export type CountedRow = KeyedRow;

/** A lookup of key hashes on one day, in days since 1970-01-01. */
export interface KeyProbe {
  readonly day: number;
  readonly keyHashes: readonly string[];
}

/** A row that does not count, and the counted one it repeats. */
export interface Duplicate<Row extends KeyedRow> {
  readonly row: Row;
  readonly first: CountedRow;
}

export interface Deduplicated<Row extends KeyedRow> {
  /** The rows that count, in log order. */
  readonly winners: readonly Row[];
  readonly duplicates: readonly Duplicate<Row>[];
}

/**
 * Divides `rows`, which are in log order, into winners and duplicates. `counted` is what the table holds for
 * `probesOf(rows)`; more than that changes nothing.
 */
export function deduplicate<Row extends KeyedRow>(
  rows: readonly Row[],
  counted: readonly CountedRow[],
): Deduplicated<Row> {
  const countedByDay = new Map<number, Map<string, CountedRow>>();
  for (const row of counted) keysOfDay(countedByDay, row.day).set(row.keyHash, row);
  const winners: Row[] = [];
  const duplicates: Duplicate<Row>[] = [];
  let previous: Row | undefined;
  for (const row of rows) {
    invariant(previous === undefined || isBefore(previous, row), 'rows to deduplicate must be in log order');
    previous = row;
    const first = firstOf(row, countedByDay);
    if (first === undefined) {
      winners.push(row);
      keysOfDay(countedByDay, row.day).set(row.keyHash, row);
    } else {
      duplicates.push({ row, first });
    }
  }
  return { winners, duplicates };
}

/** The keys whose presence in the table decides over `rows`: own day, and both neighbours of undated rows. */
export function probesOf(rows: readonly KeyedRow[]): readonly KeyProbe[] {
  const keys = new Map<number, Set<string>>();
  for (const row of rows) {
    for (const day of daysThatDecide(row)) {
      const ofDay = keys.get(day);
      if (ofDay === undefined) keys.set(day, new Set([row.keyHash]));
      else ofDay.add(row.keyHash);
    }
  }
  return [...keys].sort(([a], [b]) => a - b).map(([day, hashes]) => ({ day, keyHashes: [...hashes] }));
}

/**
 * The same key with other content: recorded and listed, never counted. An undated event that is sent again with the stamp
 * that ingest gave it has the same.
 */
export function isConflict({ row, first }: Duplicate<KeyedRow>): boolean {
  return !repeats(row, first);
}

/** Own day first: a duplicate names the event of its own day where there is one. */
function daysThatDecide(row: KeyedRow): readonly number[] {
  return row.undated ? [row.day, row.day - 1, row.day + 1] : [row.day];
}

function firstOf(
  row: KeyedRow,
  countedByDay: ReadonlyMap<number, ReadonlyMap<string, CountedRow>>,
): CountedRow | undefined {
  for (const day of daysThatDecide(row)) {
    const first = countedByDay.get(day)?.get(row.keyHash);
    if (first !== undefined) return first;
  }
  return undefined;
}

function keysOfDay(countedByDay: Map<number, Map<string, CountedRow>>, day: number): Map<string, CountedRow> {
  let keys = countedByDay.get(day);
  if (keys === undefined) {
    keys = new Map();
    countedByDay.set(day, keys);
  }
  return keys;
}

function isBefore(a: KeyedRow, b: KeyedRow): boolean {
  return a.offset < b.offset || (a.offset === b.offset && a.index < b.index);
}
