import { tailGapAgeMs } from '../../shared/limits.ts';
import { FailingRanges } from './failing-ranges.ts';

/** What a pass saw of a partition's log, and when. */
interface SeenEnd {
  readonly partition: number;
  readonly end: number;
  /** The first offset not yet committed. */
  readonly nextOffset: number;
  readonly nowMs: number;
}

/**
 * What earlier passes of this process saw of the log's ends: which records are old enough to be read past the
 * consumer, and since when an end has been below what is committed. Losing it costs freshness only.
 */
export class LogHistory {
  readonly #ends = new Map<number, { atMs: number; end: number }[]>();
  readonly #behind = new Map<number, number>();
  readonly #turns = new Map<number, number>();
  /** Not of the log, but kept as long. */
  readonly failing = new FailingRanges();

  note({ partition, end, nextOffset, nowMs }: SeenEnd): void {
    const seen = this.#ends.get(partition) ?? [];
    seen.push({ atMs: nowMs, end });
    // Keep one entry that is old enough, and the younger ones.
    while (seen.length > 1 && (seen[1]?.atMs ?? nowMs) <= nowMs - tailGapAgeMs) seen.shift();
    this.#ends.set(partition, seen);
    if (end >= nextOffset) this.#behind.delete(partition);
    else if (!this.#behind.has(partition)) this.#behind.set(partition, nowMs);
  }

  /** Every record below this offset is at least `tailGapAgeMs` old; 0 when that is not known yet. */
  oldEnd({ partition, nowMs }: Pick<SeenEnd, 'partition' | 'nowMs'>): number {
    const oldest = this.#ends.get(partition)?.[0];
    return oldest !== undefined && oldest.atMs <= nowMs - tailGapAgeMs ? oldest.end : 0;
  }

  behindSinceMs(partition: number): number | null {
    return this.#behind.get(partition) ?? null;
  }

  /** Which pass of a shard this is, so that each begins with another partition; a new process begins anywhere. */
  turn({ shard, nowMs }: { readonly shard: number; readonly nowMs: number }): number {
    const turn = this.#turns.get(shard) ?? Math.floor(nowMs);
    this.#turns.set(shard, turn + 1);
    return turn;
  }
}
