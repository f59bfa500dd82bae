import { eventDaysMax } from '../limits.ts';

/**
 * Distinct event days of what belongs together: a request, an envelope, a segment, a range. Each day costs a shard a
 * table to write to, and the client chooses how many there are, so there are at most `eventDaysMax`.
 */
export class EventDays {
  readonly #days = new Set<number>();

  /** Adds the days if all of them fit; else adds none and answers false. */
  take(days: Iterable<number>): boolean {
    const added: number[] = [];
    for (const day of days) {
      if (this.#days.has(day)) continue;
      this.#days.add(day);
      added.push(day);
    }
    if (this.#days.size <= eventDaysMax) return true;
    for (const day of added) this.#days.delete(day);
    return false;
  }

  takeOne(day: number): boolean {
    if (this.#days.has(day)) return true;
    if (this.#days.size >= eventDaysMax) return false;
    this.#days.add(day);
    return true;
  }
}
