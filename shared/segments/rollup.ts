import { compareDecimals, DecimalSum } from '../events/decimal.ts';
import { quarterHourMs } from '../limits.ts';

/** Position of an event in the log of its partition. */
export interface LogPlace {
  readonly offset: number;
  readonly index: number;
}

export function isBefore(a: LogPlace, b: LogPlace): boolean {
  return a.offset < b.offset || (a.offset === b.offset && a.index < b.index);
}

/** What the events of one (organization, metric, dimension set, quarter hour) add to a total; decimals are canonical text. */
export interface Rollup {
  readonly organization: string;
  readonly metric: string;
  /** Canonical text of the set; see `dimensions.ts`. */
  readonly dimensions: string;
  /** Quarter hours since 1970-01-01T00:00Z. */
  readonly quarter: number;
  readonly total: string;
  readonly count: number;
  readonly minimum: string;
  readonly maximum: string;
  /** Quantity and time of the event with the latest event time; of several, of the last one in log order. */
  readonly latest: string;
  readonly latestAtMs: number;
  readonly latestPlace: LogPlace;
  /** Where the first of the events is: sets are kept apart in this order. */
  readonly first: LogPlace;
}

/** What of a counted event is added. */
export interface RollupEvent extends Pick<Rollup, 'organization' | 'metric' | 'dimensions'> {
  readonly quantity: string;
  readonly eventTimeMs: number;
}

interface Group extends Pick<Rollup, 'organization' | 'metric' | 'dimensions' | 'quarter'> {
  readonly sum: DecimalSum;
  count: number;
  minimum: string;
  maximum: string;
  latest: string;
  latestAtMs: number;
  latestPlace: LogPlace;
  first: LogPlace;
}

/** Adds quantities into rollups, exactly, in whatever order they come. */
export class RollupSums {
  readonly #groups = new Map<string, Group>();

  addEvent({ organization, metric, dimensions, quantity, eventTimeMs }: RollupEvent, place: LogPlace): void {
    this.addRollup({
      ...{ organization, metric, dimensions, first: place, quarter: Math.floor(eventTimeMs / quarterHourMs) },
      ...{ total: quantity, count: 1, minimum: quantity, maximum: quantity },
      ...{ latest: quantity, latestAtMs: eventTimeMs, latestPlace: place },
    });
  }

  addRollup(added: Rollup): void {
    const key = keyOf(added);
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = { ...added, sum: new DecimalSum(), count: 0 };
      this.#groups.set(key, group);
    }
    group.sum.add(added.total);
    group.count += added.count;
    if (compareDecimals(added.minimum, group.minimum) < 0) group.minimum = added.minimum;
    if (compareDecimals(added.maximum, group.maximum) > 0) group.maximum = added.maximum;
    if (isBefore(added.first, group.first)) group.first = added.first;
    if (!isLater(added, group)) return;
    group.latest = added.latest;
    group.latestAtMs = added.latestAtMs;
    group.latestPlace = added.latestPlace;
  }

  /** Sorted by organization, metric, quarter and dimensions. */
  toRollups(): readonly Rollup[] {
    return [...this.#groups]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, group]) => {
        const { organization, metric, dimensions, quarter, sum, count, ...events } = group;
        const { minimum, maximum, latest, latestAtMs, latestPlace, first } = events;
        return {
          ...{ organization, metric, dimensions, quarter, total: sum.toString(), count },
          ...{ minimum, maximum, latest, latestAtMs, latestPlace, first },
        };
      });
  }
}

type Latest = Pick<Rollup, 'latestAtMs' | 'latestPlace'>;

function isLater(a: Latest, b: Latest): boolean {
  return (
    a.latestAtMs > b.latestAtMs || (a.latestAtMs === b.latestAtMs && isBefore(b.latestPlace, a.latestPlace))
  );
}

/** Names hold no newline and the dimensions come last, so the key is unambiguous. */
function keyOf({ organization, metric, quarter, dimensions }: Rollup): string {
  return `${organization}\n${metric}\n${quarter}\n${dimensions}`;
}
