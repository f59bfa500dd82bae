/** Days that were closed: their rows are gone, and their totals are what they were in the ledger row that closed them. */
import { toUnits } from './decimal.ts';
import type { Findings } from './findings.ts';
import type { Commit, RollupRow } from './shard.ts';
import { dateOf, digestOfSums, quarterHourMs } from './sums.ts';

const dayMs = 86_400_000;

export class ClosedDays {
  readonly #days: ReadonlyMap<string, Commit['days'][number]>;

  constructor(ledger: readonly Commit[]) {
    const closed = ledger.flatMap(({ days }) => days.filter(({ digest }) => digest === null));
    this.#days = new Map(closed.map((day) => [day.day, day]));
  }

  get count(): number {
    return this.#days.size;
  }

  has(date: string): boolean {
    return this.#days.has(date);
  }

  hasTime(timeMs: number): boolean {
    return this.count > 0 && this.has(dateOf(Math.floor(timeMs / dayMs)));
  }

  compare(partition: number, rollups: readonly RollupRow[], findings: Findings): void {
    const byDay = Map.groupBy(rollups, ({ quarterMs }) => dateOf(Math.floor(quarterMs / dayMs)));
    for (const [day, { count, sums }] of this.#days) {
      const found = byDay.get(day) ?? [];
      const counted = found.reduce((sum, rollup) => sum + rollup.count, 0);
      const digest = digestOfSums(
        found.map(({ organization, metric, quarterMs, total, count: events }) => ({
          ...{ name: `${organization}\n${metric}`, quarter: quarterMs / quarterHourMs },
          ...{ units: toUnits(total), count: events },
        })),
      );
      if (counted !== count || digest !== sums)
        findings.add(
          'closed_day',
          `partition ${partition}: the totals of ${day} are not those that were closed`,
        );
    }
  }
}
