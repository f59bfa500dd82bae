/** The prices of a region: those that were read, and for a region whose own were not, the same by a stated factor. */
import table from './prices.json' with { type: 'json' };

type Prices = typeof table.usEast1;

export interface RegionalPrices {
  readonly region: string;
  /** The day on which the table was made; each price has its own in the table. */
  readonly date: string;
  readonly prices: Prices;
  /** By what every price was multiplied; 1 where the region's own were read. */
  readonly factor: number;
  readonly because: string;
  /** Items whose price was not read even for us-east-1, each with what it was taken from. */
  readonly assumed: readonly string[];
}

/** Counts and ratios among the prices; they are the same everywhere. */
const noPrices: ReadonlySet<string> = new Set([
  'tierMillions',
  'meteredKib',
  'pollersPerUnit',
  'mbPerSecondPerUnit',
  'ioOptimizedFactor',
]);

export function pricesOf(region: string): RegionalPrices {
  const { regions, usEast1, date, sources } = table;
  const known: Readonly<Record<string, { readonly factor: number; readonly because: string }>> = regions;
  const found = known[region];
  if (found === undefined)
    throw new Error(`infra/cost/prices.json has no prices of ${region}, and no factor for it`);
  const { factor, because } = found;
  // The same shape: only numbers were multiplied.
  const prices = multiplied(usEast1, factor) as Prices;
  const assumed = Object.entries(sources).flatMap(([item, source]) =>
    'assumed' in source ? [`${item} (${source.assumed})`] : [],
  );
  return { region, date, prices, factor, because, assumed };
}

function multiplied(value: unknown, factor: number): unknown {
  if (typeof value === 'number') return value * factor;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries<unknown>({ ...value }).map(([key, one]) => [
      key,
      noPrices.has(key) ? one : multiplied(one, factor),
    ]),
  );
}
