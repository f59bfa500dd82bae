import { tailGapAgeMs } from '../../shared/limits.ts';
import type { MonotonicMs } from '../../shared/runtime/clock.ts';

/** What a pass saw of a partition's log, and when. */
interface SeenEnd {
  readonly partition: number;
  readonly end: number;
  /** The first offset not yet committed. */
  readonly nextOffset: number;
  readonly atMs: MonotonicMs;
}

/**
 * What earlier passes of this process saw of the log's ends: which records are old enough to be read past the
 * consumer, and since when an end has been below what is committed. Losing it costs freshness only.
 */
export class LogHistory {
  readonly #ends = new Map<number, { atMs: MonotonicMs; end: number }[]>();
  readonly #behind = new Map<number, MonotonicMs>();

  note({ partition, end, nextOffset, atMs }: SeenEnd): void {
    const seen = this.#ends.get(partition) ?? [];
    seen.push({ atMs, end });
    // Keep one entry that is old enough, and the younger ones.
    while (seen.length > 1 && atMs - (seen[1]?.atMs ?? atMs) >= tailGapAgeMs) seen.shift();
    this.#ends.set(partition, seen);
    if (end >= nextOffset) this.#behind.delete(partition);
    else if (!this.#behind.has(partition)) this.#behind.set(partition, atMs);
  }

  /** Every record below this offset is at least `tailGapAgeMs` old; 0 when that is not known yet. */
  oldEnd({ partition, atMs }: Pick<SeenEnd, 'partition' | 'atMs'>): number {
    const oldest = this.#ends.get(partition)?.[0];
    return oldest !== undefined && atMs - oldest.atMs >= tailGapAgeMs ? oldest.end : 0;
  }

  behindSinceMs(partition: number): MonotonicMs | null {
    return this.#behind.get(partition) ?? null;
  }
}
