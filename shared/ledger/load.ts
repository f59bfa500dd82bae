/**
 * What one commit writes, planned before and inside the transaction. Pure. A range is loaded `asFolded` when
 * nothing says that it may hold a duplicate (the unique index is asked then), else only its winners are, with
 * sums taken from the winners (U4).
 */
import { createHash } from 'node:crypto';
import { type RowPlace, readRowPlaces, readRowUsage } from '../segments/copy-row.ts';
import { type Rollup, RollupSums } from '../segments/rollup.ts';
import type { Refusal, Segment } from '../segments/segment.ts';
import { type CountedRow, type Duplicate, deduplicate, isConflict } from './deduplicate.ts';

/** Consecutive segments of one partition: records `from <= offset < to`. */
export interface OffsetRange {
  readonly partition: number;
  readonly from: number;
  readonly to: number;
  readonly source: 'segments' | 'log';
  readonly segments: readonly Segment[];
}

/** Rows of one day, as tuples of COPY BINARY, and the digest over their fingerprints in log order. */
interface DayLoad {
  readonly day: number;
  readonly count: number;
  readonly rows: readonly Buffer[];
  readonly digest: string;
}

/** A duplicate whose payload differs from what was counted under its key. */
interface KeyConflict {
  readonly organization: string;
  readonly keyHash: string;
  readonly day: number;
  readonly fingerprint: string;
  readonly offset: number;
  readonly index: number;
  readonly firstDay: number;
  readonly firstOffset: number;
  readonly firstIndex: number;
  readonly firstFingerprint: string;
}

export interface Load {
  readonly days: readonly DayLoad[];
  readonly rollups: readonly Rollup[];
  readonly refusals: readonly Refusal[];
  readonly conflicts: readonly KeyConflict[];
  readonly seen: number;
  readonly inserted: number;
  readonly duplicate: number;
  readonly quarantined: number;
  readonly foreign: number;
}

/** The load of a range in which every row is new, unless the unique index says otherwise. */
export function loadAsFolded(range: OffsetRange): Load {
  const days = new Map<number, { count: number; rows: Buffer[]; fingerprints: Buffer[] }>();
  const sums = new RollupSums();
  for (const segment of range.segments) {
    for (const part of segment.days) {
      const day = days.get(part.day) ?? { count: 0, rows: [], fingerprints: [] };
      days.set(part.day, day);
      day.count += part.count;
      day.rows.push(part.rows);
      day.fingerprints.push(part.fingerprints);
    }
    for (const rollup of segment.meta.rollups) sums.addRollup(rollup);
  }
  const loads = [...days.entries()].map(([day, { count, rows, fingerprints }]) => {
    return { day, count, rows, digest: digestOf(fingerprints) };
  });
  return toLoad(range, loads, sums, { refusals: [], duplicates: [] });
}

/** All rows of a range in log order. */
export function rowsOf(range: OffsetRange): readonly RowPlace[] {
  const places = range.segments.flatMap((segment) => segment.days.flatMap(({ rows }) => readRowPlaces(rows)));
  return places.sort((a, b) => a.offset - b.offset || a.index - b.index);
}

/**
 * The load of a range that may hold duplicates: `rows` are its rows in log order, `counted` what the table
 * holds of their keys. Rows of closed days are quarantined, because their day no longer remembers keys.
 */
export function loadWinners(
  range: OffsetRange,
  rows: readonly RowPlace[],
  counted: readonly CountedRow[],
  closedDays: ReadonlySet<number>,
): Load {
  const refusals = rows.filter((row) => closedDays.has(row.day)).map(refuseClosedDay);
  const open = refusals.length === 0 ? rows : rows.filter((row) => !closedDays.has(row.day));
  const { winners, duplicates } = deduplicate(open, counted);
  const sums = new RollupSums();
  for (const winner of winners) sums.addEvent(readRowUsage(winner.bytes, winner.at));
  const byDay = Map.groupBy(winners, (winner) => winner.day);
  const loads = [...byDay.entries()].map(([day, places]) => ({
    day,
    count: places.length,
    rows: joinPlaces(places),
    digest: digestOf(places.map(({ fingerprint }) => Buffer.from(fingerprint, 'hex'))),
  }));
  return toLoad(range, loads, sums, { refusals, duplicates });
}

function toLoad(
  range: OffsetRange,
  days: readonly DayLoad[],
  sums: RollupSums,
  checked: { readonly refusals: readonly Refusal[]; readonly duplicates: readonly Duplicate<RowPlace>[] },
): Load {
  const refusals = [...range.segments.flatMap(({ meta }) => meta.refusals), ...checked.refusals];
  const foreign = refusals.filter((refusal) => refusal.index < 0).length;
  return {
    days: days.toSorted((a, b) => a.day - b.day),
    rollups: sums.toRollups(),
    refusals,
    conflicts: checked.duplicates.filter(isConflict).map(toConflict),
    seen: range.segments.reduce((sum, { meta }) => sum + meta.seen, 0),
    inserted: days.reduce((sum, { count }) => sum + count, 0),
    duplicate: checked.duplicates.length,
    quarantined: refusals.length - foreign,
    foreign,
  };
}

function toConflict({ row, first }: Duplicate<RowPlace>): KeyConflict {
  return {
    organization: readRowUsage(row.bytes, row.at).organization,
    keyHash: row.keyHash,
    day: row.day,
    fingerprint: row.fingerprint,
    offset: row.offset,
    index: row.index,
    firstDay: first.day,
    firstOffset: first.offset,
    firstIndex: first.index,
    firstFingerprint: first.fingerprint,
  };
}

function refuseClosedDay(row: RowPlace): Refusal {
  const bytes = row.bytes.subarray(row.at, row.end).toString('base64');
  return { offset: row.offset, index: row.index, code: 'day_closed', bytes };
}

/** Tuples that lie side by side become one buffer. */
function joinPlaces(places: readonly RowPlace[]): readonly Buffer[] {
  const runs: { bytes: Buffer; at: number; end: number }[] = [];
  for (const { bytes, at, end } of places) {
    const run = runs.at(-1);
    if (run !== undefined && run.bytes === bytes && run.end === at) run.end = end;
    else runs.push({ bytes, at, end });
  }
  return runs.map(({ bytes, at, end }) => bytes.subarray(at, end));
}

/** SHA-256 over 16-byte fingerprints in log order, hex. */
function digestOf(fingerprints: readonly Buffer[]): string {
  const digest = createHash('sha256');
  for (const fingerprint of fingerprints) digest.update(fingerprint);
  return digest.digest('hex');
}
