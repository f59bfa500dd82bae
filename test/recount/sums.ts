/** Sums of a quarter hour and dimension set, as the ledger's digests of sums are over them. */
import { fromUnits, toUnits } from './decimal.ts';
import { sha256 } from './hashes.ts';
import type { ShardRow } from './shard.ts';

export const quarterHourMs = 900_000;
const setHexDigits = 32;

/** `name`: organization and metric, a newline between them; `set`: 32 hex digits. */
export interface Sum {
  readonly name: string;
  readonly quarter: number;
  readonly set: string;
  units: bigint;
  count: number;
  minimum: bigint;
  maximum: bigint;
  /** Of the event with the latest time; of several, of the last in log order. */
  latest: bigint;
  latestAtMs: number;
}

/** Zeros for the empty set, ones for `other`, else the first half of the SHA-256 of its text. */
function setHashOf(set: string): string {
  if (set === '') return '0'.repeat(setHexDigits);
  if (set === 'other') return 'f'.repeat(setHexDigits);
  return sha256(set).slice(0, setHexDigits);
}

/** What one event adds to the total of a set. */
export function sumOf({ organization, metric, quantity, eventTimeMs }: ShardRow, set: string): Sum {
  const units = toUnits(quantity);
  return {
    ...{ name: `${organization}\n${metric}`, quarter: Math.floor(eventTimeMs / quarterHourMs) },
    ...{ set: setHashOf(set), units, count: 1, minimum: units, maximum: units },
    ...{ latest: units, latestAtMs: eventTimeMs },
  };
}

/** Adds an event that follows in log order to the sum of the same name, quarter hour and set. */
export function addTo(sums: Map<string, Sum>, added: Sum): void {
  const key = `${added.name}\n${added.quarter}\n${added.set}`;
  const sum = sums.get(key);
  if (sum === undefined) {
    sums.set(key, added);
    return;
  }
  sum.units += added.units;
  sum.count += added.count;
  if (added.minimum < sum.minimum) sum.minimum = added.minimum;
  if (added.maximum > sum.maximum) sum.maximum = added.maximum;
  if (added.latestAtMs < sum.latestAtMs) return;
  sum.latest = added.latest;
  sum.latestAtMs = added.latestAtMs;
}

/** The ten lines of each sum: what names it, then what it is; nothing for what a shard does not know. */
export function digestOfSums(
  sums: readonly (Pick<Sum, 'name' | 'quarter' | 'set' | 'units' | 'count'> & {
    readonly [of in 'minimum' | 'maximum' | 'latest']: bigint | null;
  } & { readonly latestAtMs: number | null })[],
): string {
  // Same type: as every comparison.
  const byBytes = (one: string, other: string) => Buffer.compare(Buffer.from(one), Buffer.from(other));
  const text = (units: bigint | null) => (units === null ? '' : fromUnits(units));
  const lines = sums
    .toSorted(
      (one, other) =>
        byBytes(one.name, other.name) || one.quarter - other.quarter || byBytes(one.set, other.set),
    )
    .map(({ name, quarter, set, units, count, minimum, maximum, latest, latestAtMs }) =>
      [
        name,
        quarter,
        set,
        fromUnits(units),
        count,
        text(minimum),
        text(maximum),
        text(latest),
        latestAtMs ?? '',
      ]
        .map((line) => `${line}\n`)
        .join(''),
    );
  return sha256(lines.join(''));
}

/** A day, counted from 1970, as `YYYY-MM-DD`. */
export function dateOf(day: number): string {
  return new Date(day * 86_400_000).toISOString().slice(0, 10);
}
