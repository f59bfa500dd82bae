import { fromUnits } from './decimal.ts';
import type { DifferenceName, Findings } from './findings.ts';

interface HourSum {
  count: number;
  units: bigint;
}

const hourMs = 3_600_000;
const separator = '\0';

/** Count and exact sum per organization, metric and hour. */
export class HourSums {
  readonly #sums = new Map<string, HourSum>();

  // Same type: the order of the group; golden totals of the recount's tests fail for any other.
  add(organization: string, metric: string, timeMs: number, units: bigint, count = 1): void {
    const group = [organization, metric, Math.floor(timeMs / hourMs)].join(separator);
    const sum = this.#sums.get(group);
    if (sum === undefined) {
      this.#sums.set(group, { count, units });
    } else {
      sum.count += count;
      sum.units += units;
    }
  }

  /** Every group of either side that is not the same on both. */
  compare(found: HourSums, name: DifferenceName, findings: Findings): void {
    for (const group of new Set([...this.#sums.keys(), ...found.#sums.keys()])) {
      const expected = this.#sums.get(group);
      const actual = found.#sums.get(group);
      if (expected?.count === actual?.count && expected?.units === actual?.units) continue;
      findings.add(name, `${describeGroup(group)}: log ${describe(expected)}, shard ${describe(actual)}`);
    }
  }
}

function describe(sum: HourSum | undefined): string {
  return sum === undefined ? 'nothing' : `${fromUnits(sum.units)} in ${sum.count} events`;
}

function describeGroup(group: string): string {
  const [organization = '', metric = '', hour = ''] = group.split(separator);
  return `${organization} ${metric} ${new Date(Number(hour) * hourMs).toISOString().slice(0, 13)}h`;
}
