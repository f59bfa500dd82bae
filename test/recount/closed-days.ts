/** Days that were closed: their rows are gone, and their totals are what they were in the ledger row that closed them. */
import { toUnits } from './decimal.ts';
import type { Findings } from './findings.ts';
import type { Commit, RollupRow } from './shard.ts';
import { dateOf, digestOfSums, quarterHourMs } from './sums.ts';

const dayMs = 86_400_000;

/** The day before which all days are closed once these commits are made, as days since 1970. */
export function closedBeforeOf(commits: readonly Commit[]): number {
  const closed = commits.flatMap(({ days }) => days.filter(({ digest }) => digest === null));
  return closed.reduce(
    (latest, { day }) => Math.max(latest, Date.parse(day) / dayMs + 1),
    Number.NEGATIVE_INFINITY,
  );
}

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
    const units = (text: string | null) => (text === null ? null : toUnits(text));
    const byDay = Map.groupBy(rollups, ({ quarterMs }) => dateOf(Math.floor(quarterMs / dayMs)));
    for (const [day, { count, sums }] of this.#days) {
      const found = byDay.get(day) ?? [];
      const counted = found.reduce((sum, rollup) => sum + rollup.count, 0);
      const digest = digestOfSums(
        found.map(({ organization, metric, set, quarterMs, total, count: events, ...of }) => ({
          ...{ name: `${organization}\n${metric}`, quarter: quarterMs / quarterHourMs, set },
          ...{ units: toUnits(total), count: events, minimum: units(of.minimum), maximum: units(of.maximum) },
          ...{ latest: units(of.latest), latestAtMs: of.latestAtMs },
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
