/**
 * What one commit writes, planned before and inside the transaction. Pure. A range is loaded `asFolded` when
 * nothing says that it may hold a duplicate (the unique index is asked then), else only its winners are, with
 * sums taken from the winners (U4).
 */
import { type CopyTuple, readCopyTuples, readRowUsage } from '../log/row-tuple.ts';
import { type Rollup, RollupSums } from '../segments/rollup.ts';
import type { Refusal, Segment } from '../segments/segment.ts';
import { type CountedRow, type Duplicate, deduplicate, isConflict } from './deduplicate.ts';
import { digestOfRows } from './digests.ts';

/** Consecutive segments of one partition: records `from <= offset < to`. */
export interface OffsetRange {
  readonly partition: number;
  readonly from: number;
  readonly to: number;
  readonly source: 'segments' | 'log';
  readonly segments: readonly Segment[];
}

/** What a commit inserts into one day; `day` counts from 1970-01-01. */
export interface DayDigest {
  readonly day: number;
  readonly count: number;
  /** See `digests.ts`: over the rows, and over the sums that they add up to. */
  readonly digest: string;
  readonly sums: string;
}

/** The rows of one day, as bytes of COPY BINARY tuples without header and trailer. Its sums depend on the sets of the day. */
export interface DayLoad extends Omit<DayDigest, 'sums'> {
  readonly rows: readonly Buffer[];
}

/** A duplicate whose payload differs from what was counted under its key. */
export interface Conflict {
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
  readonly conflicts: readonly Conflict[];
  readonly seen: number;
  readonly inserted: number;
  readonly duplicate: number;
  readonly quarantined: number;
  readonly foreign: number;
}

/** The load of a range in which every row is new, unless the unique index says otherwise. */
export function loadAsFolded(range: OffsetRange): Load {
  const days = new Map<number, { count: number; rows: Buffer[] }>();
  const sums = new RollupSums();
  for (const segment of range.segments) {
    for (const part of segment.days) {
      const day = days.get(part.day) ?? { count: 0, rows: [] };
      days.set(part.day, day);
      day.count += part.count;
      day.rows.push(part.rows);
    }
    for (const rollup of segment.meta.rollups) sums.addRollup(rollup);
  }
  const loads = [...days].map(([day, { count, rows }]) => ({ day, count, rows }));
  return toLoad(range, loads, sums, { refusals: [], duplicates: [] });
}

/** All rows of a range in log order. */
export function rowsOf(range: OffsetRange): readonly CopyTuple[] {
  const tuples = range.segments.flatMap((segment) =>
    segment.days.flatMap(({ rows }) => readCopyTuples(rows)),
  );
  return tuples.sort((a, b) => a.offset - b.offset || a.index - b.index);
}

/**
 * The load of a range that may hold duplicates: `rows` are its rows in log order, `counted` what the table
 * holds of their keys. Rows of closed days are quarantined, because their day no longer remembers keys.
 */
export function loadWinners(
  range: OffsetRange,
  rows: readonly CopyTuple[],
  counted: readonly CountedRow[],
  closedDays: ReadonlySet<number>,
): Load {
  const refusals = rows.filter((row) => closedDays.has(row.day)).map(refuseClosedDay);
  const open = refusals.length === 0 ? rows : rows.filter((row) => !closedDays.has(row.day));
  const { winners, duplicates } = deduplicate(open, counted);
  const sums = new RollupSums();
  for (const winner of winners) sums.addEvent(readRowUsage(winner.bytes, winner.at), winner);
  const byDay = Map.groupBy(winners, (winner) => winner.day);
  const loads = [...byDay].map(([day, tuples]) => {
    return { day, count: tuples.length, rows: joinTuples(tuples) };
  });
  return toLoad(range, loads, sums, { refusals, duplicates });
}

function toLoad(
  range: OffsetRange,
  days: readonly Omit<DayLoad, 'digest'>[],
  sums: RollupSums,
  checked: { readonly refusals: readonly Refusal[]; readonly duplicates: readonly Duplicate<CopyTuple>[] },
): Load {
  const refusals = [...range.segments.flatMap(({ meta }) => meta.refusals), ...checked.refusals];
  const foreign = refusals.filter((refusal) => refusal.index < 0).length;
  return {
    days: days.toSorted((a, b) => a.day - b.day).map((day) => ({ ...day, digest: digestOfRows(day.rows) })),
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

function toConflict({ row, first }: Duplicate<CopyTuple>): Conflict {
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

function refuseClosedDay(row: CopyTuple): Refusal {
  const bytes = row.bytes.subarray(row.at, row.end).toString('base64');
  return { offset: row.offset, index: row.index, code: 'day_closed', bytes };
}

/** Tuples that are neighbours in one buffer become one part of it. */
function joinTuples(tuples: readonly CopyTuple[]): readonly Buffer[] {
  const runs: { bytes: Buffer; at: number; end: number }[] = [];
  for (const { bytes, at, end } of tuples) {
    const run = runs.at(-1);
    if (run !== undefined && run.bytes === bytes && run.end === at) run.end = end;
    else runs.push({ bytes, at, end });
  }
  return runs.map(({ bytes, at, end }) => bytes.subarray(at, end));
}
