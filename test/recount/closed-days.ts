/** Days that were closed: their rows are gone, and their totals are what they were in the ledger row that closed them. */
import { toUnits } from './decimal.ts';
import type { Findings } from './findings.ts';
import type { Commit, RollupRow } from './shard.ts';
import { dateOf, digestOfSums, quarterHourMs } from './sums.ts';

const dayMs = 86_400_000;

export class ClosedDays {
  readonly #days = new Map<string, Commit['days'][number]>();
  /** Rows that say that they close a day and cannot: what they name is compared as an open day. */
  readonly #forged: Commit[] = [];

  /** `closedBefore`: the day before which the partition's row says that all are closed, as days since 1970. */
  constructor(ledger: readonly Commit[], closedBefore: number) {
    const counted = new Map<string, number>();
    for (const commit of ledger) {
      const closing = commit.days.filter(({ digest }) => digest === null);
      const isDecision = commit.source === 'decision' && commit.from === commit.to;
      const isRight = closing.every(
        ({ day, count }) => dayNumber(day) < closedBefore && count === (counted.get(day) ?? 0),
      );
      if (closing.length > 0 && !(isDecision && isRight)) this.#forged.push(commit);
      else for (const day of closing) this.#days.set(day.day, day);
      for (const { day, count, digest } of commit.days)
        if (digest !== null) counted.set(day, (counted.get(day) ?? 0) + count);
    }
  }

  /** The day before which all days are closed once these commits are made, as days since 1970. */
  closedBefore(commits: readonly Commit[]): number {
    const closed = commits
      .filter((commit) => !this.#forged.some(({ sequence }) => sequence === commit.sequence))
      .flatMap(({ days }) => days.filter(({ digest }) => digest === null));
    return closed.reduce((latest, { day }) => Math.max(latest, dayNumber(day) + 1), Number.NEGATIVE_INFINITY);
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
    for (const { sequence } of this.#forged) {
      const text = `partition ${partition} commit ${sequence}: it closes a day, and cannot`;
      findings.add('closed_day', text);
    }
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

function dayNumber(day: string): number {
  return Date.parse(day) / dayMs;
}
