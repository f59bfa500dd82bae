import { DecimalSum } from '../events/decimal.ts';
import { quarterHourMs } from '../limits.ts';

/** Exact sum and count of one (organization, metric, quarter hour). */
export interface Rollup {
  readonly organization: string;
  readonly metric: string;
  /** Quarter hours since 1970-01-01T00:00Z. */
  readonly quarter: number;
  /** Canonical decimal text. */
  readonly total: string;
  readonly count: number;
}

interface Group {
  readonly organization: string;
  readonly metric: string;
  readonly quarter: number;
  readonly sum: DecimalSum;
  count: number;
}

/** Adds quantities into rollups, exactly. */
export class RollupSums {
  readonly #groups = new Map<string, Group>();

  addEvent(event: { organization: string; metric: string; quantity: string; eventTimeMs: number }): void {
    const { organization, metric, quantity, eventTimeMs } = event;
    const quarter = Math.floor(eventTimeMs / quarterHourMs);
    this.addRollup({ organization, metric, quarter, total: quantity, count: 1 });
  }

  addRollup({ organization, metric, quarter, total, count }: Rollup): void {
    // Names hold no newline, so the key is unambiguous.
    const key = `${organization}\n${metric}\n${quarter}`;
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = { organization, metric, quarter, sum: new DecimalSum(), count: 0 };
      this.#groups.set(key, group);
    }
    group.sum.add(total);
    group.count += count;
  }

  /** Sorted by organization, metric and quarter, so that writers who upsert them cannot deadlock. */
  toRollups(): readonly Rollup[] {
    return [...this.#groups.entries()]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { organization, metric, quarter, sum, count }]) => {
        return { organization, metric, quarter, total: sum.toString(), count };
      });
  }
}
