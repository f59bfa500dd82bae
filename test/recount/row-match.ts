/** The events that count by the log, side by side with the rows of a shard, each in order of place. */
import { toUnits } from './decimal.ts';
import type { Findings } from './findings.ts';
import type { HourSums } from './hour-sums.ts';
import type { ShardRow } from './shard.ts';

type Place = Pick<ShardRow, 'partition' | 'generation' | 'offset' | 'index'>;

export class RowMatch {
  readonly #rows: AsyncIterator<ShardRow>;
  readonly #findings: Findings;
  #head: ShardRow | undefined;
  #started = false;
  count = 0;

  constructor(rows: AsyncIterable<ShardRow>, findings: Findings) {
    this.#rows = rows[Symbol.asyncIterator]();
    this.#findings = findings;
  }

  /** Compares all rows below `end` with `expected`; their sums by hour go into `sums`. */
  async compare(expected: readonly ShardRow[], end: Place, sums: HourSums): Promise<void> {
    for (const event of expected) {
      await this.#takeExtra(event, sums);
      const row = this.#head;
      if (row === undefined || isBefore(event, row)) {
        this.#findings.add('row_missing', `${placeOf(event)} ${event.organization} ${event.key}`);
      } else {
        for (const text of differencesOf(event, row)) this.#findings.add('row_differs', text);
        await this.#take(row, sums);
      }
    }
    await this.#takeExtra(end, sums);
  }

  /** Hands over all rows below `end`, which are compared with something else than the log. */
  async takeOlder(end: Place, take: (row: ShardRow) => void): Promise<void> {
    if (!this.#started) await this.#advance();
    for (let row = this.#head; row !== undefined && isBefore(row, end); row = this.#head) {
      take(row);
      this.count += 1;
      await this.#advance();
    }
  }

  async #takeExtra(end: Place, sums: HourSums): Promise<void> {
    if (!this.#started) await this.#advance();
    for (let row = this.#head; row !== undefined && isBefore(row, end); row = this.#head) {
      this.#findings.add('row_extra', `${placeOf(row)} ${row.organization} ${row.key}`);
      await this.#take(row, sums);
    }
  }

  async #take(row: ShardRow, sums: HourSums): Promise<void> {
    this.count += 1;
    sums.add(row.organization, row.metric, row.eventTimeMs, toUnits(row.quantity));
    await this.#advance();
  }

  async #advance(): Promise<void> {
    this.#started = true;
    const next = await this.#rows.next();
    this.#head = next.done === true ? undefined : next.value;
  }
}

function isBefore(a: Place, b: Place): boolean {
  for (const field of ['partition', 'generation', 'offset', 'index'] as const) {
    if (a[field] !== b[field]) return a[field] < b[field];
  }
  return false;
}

const columns = [
  'shard',
  'organization',
  'metric',
  'dimensions',
  'key',
  'eventTimeMs',
  'createdAtMs',
  'day',
  'undated',
  'keyHash',
  'fingerprint',
  'properties',
] as const satisfies readonly (keyof ShardRow)[];

function differencesOf(event: ShardRow, row: ShardRow): readonly string[] {
  const different: (keyof ShardRow)[] = columns.filter((column) => event[column] !== row[column]);
  // Numbers, not texts: the column may keep trailing zeros.
  if (toUnits(event.quantity) !== toUnits(row.quantity)) different.push('quantity');
  return different.map(
    (column) => `${placeOf(event)} ${column}: log ${textOf(event[column])}, row ${textOf(row[column])}`,
  );
}

/** Properties have 4 KB. */
function textOf(value: ShardRow[keyof ShardRow]): string {
  return String(value).slice(0, 200);
}

function placeOf({ partition, offset, index }: Omit<Place, 'generation'>): string {
  return `partition ${partition} at ${offset}/${index}`;
}
