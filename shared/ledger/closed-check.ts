/** Checks what a partition's ledger says of days (U12): what each row inserted, and which days were closed, and with what. */
import type { StoredCommit } from './commit-hash.ts';

/** A row that closed days, with the latest of them. */
export interface ClosingRow {
  readonly sequence: number;
  readonly from: number;
  readonly lastDay: string;
}

/** Takes the rows of one partition in order. */
export class DayCounts {
  readonly closings: ClosingRow[] = [];
  readonly #counts = new Map<string, number>();
  /** The latest day that was closed; days as text are in the order of time. */
  #closedTo = '';

  /** Why the row cannot say that of its days, or null; what is behind a row with a problem proves nothing. */
  take(row: StoredCommit): string | null {
    const { days, sequence, from } = row;
    const known = new Set(days.map(({ day }) => day));
    if (known.size < days.length || !days.every(({ day }) => isDay(day))) return 'its days are none';
    if (!days.some(({ digest }) => digest === null)) return this.#count(row);
    const isDecision = row.source === 'decision' && row.from === row.to;
    if (!isDecision || days.some(({ digest }) => digest !== null))
      return 'it closes a day and is no decision';
    for (const { day, count } of days) {
      const counted = this.#counts.get(day) ?? 0;
      if (counted !== count) return `it closes ${day} with ${count} events, and commits counted ${counted}`;
    }
    const lastDay = [...known].reduce((one, other) => (one > other ? one : other));
    this.closings.push({ sequence, from, lastDay });
    if (lastDay > this.#closedTo) this.#closedTo = lastDay;
    return null;
  }

  #count({ days, inserted }: StoredCommit): string | null {
    const counted = days.reduce((sum, { count }) => sum + count, 0);
    if (counted !== inserted) return `its days hold ${counted} events, and it inserted ${inserted}`;
    for (const { day, count } of days) {
      if (day <= this.#closedTo) return `it counted into ${day}, which was closed before`;
      this.#counts.set(day, (this.#counts.get(day) ?? 0) + count);
    }
    return null;
  }
}

/** Canonical text only: by another text the row would not be found where the day is compared. */
function isDay(text: string): boolean {
  return (
    /^\d{4}-\d{2}-\d{2}$/.test(text) && new Date(`${text}T00:00:00Z`).toJSON()?.startsWith(text) === true
  );
}

/**
 * The first row that closes a day which its partition has open, or null. The bound is not the ledger's: who adds a row to
 * the ledger has not moved it. It has to be read after the rows, because a closing writes both and it never falls.
 */
export function unboundClosing(
  closings: readonly ClosingRow[],
  closedBefore: string | null,
): ClosingRow | null {
  return closings.find(({ lastDay }) => closedBefore === null || lastDay >= closedBefore) ?? null;
}
