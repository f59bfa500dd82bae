import type { ListedPage, ListedRow } from '../../shared/ledger/shard-control.ts';

/**
 * The newest rows of all shards, from their newest rows. A shard that gave less than was asked for, because its rows are
 * large, has others behind them: what another shard holds that is older waits for the next page.
 */
export function newestFirst<T extends ListedRow>(
  pages: readonly ListedPage<T>[],
  rowsMax: number,
): readonly T[] {
  const ends = pages.flatMap(({ rows, cut }) => (cut ? rows.slice(-1) : []));
  return pages
    .flatMap(({ rows }) => rows)
    .filter((row) => ends.every((end) => compare(row, end) >= 0))
    .sort((a, b) => compare(b, a))
    .slice(0, rowsMax);
}

/** In the order of the numbers in the cursors: time, partition, generation, offset, index. */
function compare(a: ListedRow, b: ListedRow): number {
  const others = b.cursor.split('.').map(Number);
  const differences = a.cursor.split('.').map((number, i) => Number(number) - (others[i] ?? 0));
  return differences.find((difference) => difference !== 0) ?? 0;
}
