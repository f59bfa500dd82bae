/**
 * The contract of dimension sets, in the plainest form: of each organization, metric and day, the first thousand sets in
 * log order are kept apart, and every event of another set is added to `other`.
 */
import { toUnits } from './decimal.ts';
import type { Findings } from './findings.ts';
import type { RollupRow, ShardRow } from './shard.ts';
import { addTo, dateOf, quarterHourMs, type Sum, sumOf } from './sums.ts';

const setsMax = 1000;

export class DimensionSets {
  /** By organization, metric and day. */
  readonly #kept = new Map<string, Set<string>>();
  readonly #totals = new Map<string, Sum>();

  /** Takes a counted event, in log order; returns the name of the set whose total it is in. */
  setOf({ organization, metric, day, dimensions }: ShardRow): string {
    if (dimensions === '') return '';
    const name = `${organization}\n${metric}\n${day}`;
    const kept = this.#kept.get(name) ?? new Set();
    this.#kept.set(name, kept);
    if (kept.size < setsMax) kept.add(dimensions);
    return kept.has(dimensions) ? dimensions : 'other';
  }

  /** Adds a counted event of an open day to the totals that the shard must hold. */
  add(row: ShardRow, set: string): void {
    addTo(this.#totals, sumOf(row, set));
  }

  /** Compares every total of an open day with what the shard holds. */
  compare(partition: number, rollups: readonly RollupRow[], findings: Findings): void {
    const rest = new Map(this.#totals);
    for (const rollup of rollups) {
      const quarter = rollup.quarterMs / quarterHourMs;
      const key = `${rollup.organization}\n${rollup.metric}\n${quarter}\n${rollup.set}`;
      const expected = rest.get(key);
      rest.delete(key);
      const texts = [expected === undefined ? 'nothing' : textOf(expected), textOfRow(rollup)];
      if (texts[0] === texts[1]) continue;
      const where = `${rollup.organization} ${rollup.metric} ${dateOf(Math.floor(rollup.quarterMs / 86_400_000))}`;
      findings.add(
        'set_total',
        `partition ${partition}: ${where} quarter ${quarter} set ${rollup.set}: counted ${texts[0]}, shard ${texts[1]}`,
      );
    }
    for (const sum of rest.values()) {
      const name = sum.name.replace('\n', ' ');
      const text = `partition ${partition}: ${name} quarter ${sum.quarter} set ${sum.set}: counted ${textOf(sum)}`;
      findings.add('set_total', `${text}, shard nothing`);
    }
  }
}

function textOf({ units, count, minimum, maximum, latest, latestAtMs }: Sum): string {
  return [units, count, minimum, maximum, latest, latestAtMs].join(' ');
}

function textOfRow({ total, count, minimum, maximum, latest, latestAtMs }: RollupRow): string {
  const units = (text: string | null) => (text === null ? 'null' : toUnits(text));
  return [toUnits(total), count, units(minimum), units(maximum), units(latest), latestAtMs].join(' ');
}
