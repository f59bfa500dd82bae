import { tailGapAgeMs } from '../../shared/limits.ts';
import type { MonotonicMs } from '../../shared/runtime/clock.ts';
import { FailingRanges } from './failing-ranges.ts';

/** What a pass saw of a partition's log, and when. */
interface SeenEnd {
  readonly partition: number;
  readonly end: number;
  /** The first offset not yet committed. */
  readonly nextOffset: number;
  readonly atMs: MonotonicMs;
  /** The date of the look, taken before it: everything acknowledged until then is below `end`. */
  readonly stampMs: number;
}

/** A look at a partition's log. */
export type Look = Pick<SeenEnd, 'end' | 'atMs' | 'stampMs'>;

/**
 * What earlier passes of this process saw of the log's ends: which records are old enough to be read past the
 * consumer, and since when an end has been below what is committed. Losing it costs freshness only.
 */
export class LogHistory {
  readonly #ends = new Map<number, Look[]>();
  readonly #behind = new Map<number, MonotonicMs>();
  readonly #turns = new Map<number, number>();
  /** Not of the log, but kept as long. */
  readonly failing = new FailingRanges();

  note({ partition, end, nextOffset, atMs, stampMs }: SeenEnd): void {
    if (end < nextOffset) {
      // Records are missing here, lost or not delivered yet, so what is below this end is not all there is.
      if (!this.#behind.has(partition)) this.#behind.set(partition, atMs);
      return;
    }
    this.#behind.delete(partition);
    const seen = this.#ends.get(partition) ?? [];
    seen.push({ atMs, end, stampMs });
    // Keep one entry that is old enough, and the younger ones.
    while (seen.length > 1 && atMs - (seen[1]?.atMs ?? atMs) >= tailGapAgeMs) seen.shift();
    this.#ends.set(partition, seen);
  }

  /** Every record below this offset is at least `tailGapAgeMs` old; 0 when that is not known yet. */
  oldEnd({ partition, atMs }: Pick<SeenEnd, 'partition' | 'atMs'>): number {
    const oldest = this.#ends.get(partition)?.[0];
    return oldest !== undefined && atMs - oldest.atMs >= tailGapAgeMs ? oldest.end : 0;
  }

  /** The newest look whose end is committed. Under steady load the end that was just seen never is. */
  committedLook({ partition, nextOffset }: Pick<SeenEnd, 'partition' | 'nextOffset'>): Look | undefined {
    return this.#ends.get(partition)?.findLast(({ end }) => end <= nextOffset);
  }

  behindSinceMs(partition: number): MonotonicMs | null {
    return this.#behind.get(partition) ?? null;
  }

  /** Which pass of a shard this is, so that each begins with another partition; a new process begins anywhere. */
  turn({ shard, nowMs }: { readonly shard: number; readonly nowMs: number }): number {
    const turn = this.#turns.get(shard) ?? Math.floor(nowMs);
    this.#turns.set(shard, turn + 1);
    return turn;
  }
}
