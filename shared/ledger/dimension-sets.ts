/**
 * Which dimension sets of a day are kept apart. A day of a metric has at most `dimensionSetsMax` of them, the first in log
 * order; the events of all others are added to `other`. Whether a set is one of the first is decided once, when its first
 * event is counted, in the transaction that counts it.
 */
import { dayOf } from '../events/calendar.ts';
import { dimensionSetOf, noDimensions, otherDimensions } from '../events/dimensions.ts';
import { quarterHourMs } from '../limits.ts';
import { isBefore, type Rollup, RollupSums } from '../segments/rollup.ts';

/** A dimension set of one organization, metric and event day (days since 1970-01-01). */
export interface DimensionSet extends Pick<Rollup, 'organization' | 'metric' | 'dimensions'> {
  readonly day: number;
}

/** What is added to one total; `set` is the dimension set's 16 bytes as hex digits. */
export interface TotalChange extends Rollup {
  readonly set: string;
}

/** The sets of rollups in the order of their first events. */
export function dimensionSetsOf(rollups: readonly Rollup[]): readonly DimensionSet[] {
  const firsts = new Map<string, Rollup>();
  for (const rollup of rollups) {
    if (rollup.dimensions === noDimensions) continue;
    const key = keyOf(rollup, dayOfQuarter(rollup.quarter));
    const known = firsts.get(key);
    if (known === undefined || isBefore(rollup.first, known.first)) firsts.set(key, rollup);
  }
  return [...firsts.values()]
    .sort((a, b) => (isBefore(a.first, b.first) ? -1 : 1))
    .map(({ organization, metric, dimensions, quarter }) => {
      return { organization, metric, dimensions, day: dayOfQuarter(quarter) };
    });
}

/** What the rollups add to the totals, if of their sets these are kept apart; in the order of the totals' key. */
export function totalChanges(
  rollups: readonly Rollup[],
  apart: readonly DimensionSet[],
): readonly TotalChange[] {
  const kept = new Set(apart.map((set) => keyOf(set, set.day)));
  const isOther = (rollup: Rollup) =>
    rollup.dimensions !== noDimensions && !kept.has(keyOf(rollup, dayOfQuarter(rollup.quarter)));
  const settled = rollups.some(isOther) ? withOthers(rollups, isOther) : rollups;
  const sets = new Map<string, string>();
  return settled
    .map((rollup) => {
      const set = sets.get(rollup.dimensions) ?? dimensionSetOf(rollup.dimensions);
      sets.set(rollup.dimensions, set);
      return { ...rollup, set };
    })
    .sort(byTotal);
}

function withOthers(rollups: readonly Rollup[], isOther: (rollup: Rollup) => boolean): readonly Rollup[] {
  const others = new RollupSums();
  for (const rollup of rollups.filter(isOther)) others.addRollup({ ...rollup, dimensions: otherDimensions });
  return [...rollups.filter((rollup) => !isOther(rollup)), ...others.toRollups()];
}

/** The day of quarter hours since 1970. */
export function dayOfQuarter(quarter: number): number {
  return dayOf(quarter * quarterHourMs);
}

/** Names hold no newline and the dimensions come last, so the key is unambiguous. */
function keyOf(
  { organization, metric, dimensions }: Pick<Rollup, 'organization' | 'metric' | 'dimensions'>,
  day: number,
): string {
  return `${organization}\n${metric}\n${day}\n${dimensions}`;
}

function byTotal(a: TotalChange, b: TotalChange): number {
  if (a.organization !== b.organization) return a.organization < b.organization ? -1 : 1;
  if (a.metric !== b.metric) return a.metric < b.metric ? -1 : 1;
  return a.quarter - b.quarter || (a.set < b.set ? -1 : 1);
}
