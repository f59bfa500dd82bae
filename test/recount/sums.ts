/** Sums of a quarter hour, as the ledger's digests of sums are over them. */
import { fromUnits } from './decimal.ts';
import { sha256 } from './hashes.ts';

export const quarterHourMs = 900_000;

/** `name`: organization and metric, a newline between them. */
export interface Sum {
  readonly name: string;
  readonly quarter: number;
  units: bigint;
  count: number;
}

/** Adds to the sum of the same name and quarter hour. */
export function addTo(sums: Map<string, Sum>, added: Sum): void {
  const key = `${added.name}\n${added.quarter}`;
  const sum = sums.get(key);
  if (sum === undefined) {
    sums.set(key, added);
  } else {
    sum.units += added.units;
    sum.count += added.count;
  }
}

/** SHA-256 over organization, metric, quarter hour, total and count, a line each, in the order of the first three. */
export function digestOfSums(sums: readonly Sum[]): string {
  const byName = (one: Sum, other: Sum) => Buffer.compare(Buffer.from(one.name), Buffer.from(other.name));
  const lines = sums
    .toSorted((one, other) => byName(one, other) || one.quarter - other.quarter)
    .map(({ name, quarter, units, count }) => `${name}\n${quarter}\n${fromUnits(units)}\n${count}\n`);
  return sha256(lines.join(''));
}

/** A day, counted from 1970, as `YYYY-MM-DD`. */
export function dateOf(day: number): string {
  return new Date(day * 86_400_000).toISOString().slice(0, 10);
}
