import type { Progress } from '../../shared/ledger/shard-ledger.ts';
import { tailGapAgeMs } from '../../shared/limits.ts';
import type { MonotonicMs } from '../../shared/runtime/clock.ts';
import { FailingRange } from './failing-range.ts';

/** A look at a partition's log. */
interface Look {
  readonly end: number;
  readonly atMs: MonotonicMs;
  /** The date of the look, taken before it: everything acknowledged until then is below `end`. */
  readonly stampMs: number;
}

/** What earlier passes saw of one generation of a partition. */
class PartitionHistory {
  readonly generation: number;
  readonly failing = new FailingRange();
  #looks: Look[] = [];
  #behindSinceMs: MonotonicMs | null = null;

  constructor(generation: number) {
    this.generation = generation;
  }

  /** A look, beside the first offset that was not committed then. */
  note(look: Look, nextOffset: number): void {
    const { atMs } = look;
    if (look.end < nextOffset) {
      // Records are missing here, lost or not delivered yet, so what is below this end is not all there is.
      this.#behindSinceMs ??= atMs;
      return;
    }
    this.#behindSinceMs = null;
    this.#looks.push(look);
    // Keep one entry that is old enough, and the younger ones.
    while (this.#looks.length > 1 && atMs - (this.#looks[1]?.atMs ?? atMs) >= tailGapAgeMs)
      this.#looks.shift();
  }

  /** Every record below this offset is at least `tailGapAgeMs` old; 0 when that is not known yet. */
  oldEnd(atMs: MonotonicMs): number {
    const [oldest] = this.#looks;
    return oldest !== undefined && atMs - oldest.atMs >= tailGapAgeMs ? oldest.end : 0;
  }

  /** The newest look whose end is committed. Under steady load the end that was just seen never is. */
  committedLook(nextOffset: number): Look | undefined {
    return this.#looks.findLast(({ end }) => end <= nextOffset);
  }

  /** Since when an end has been below what is committed. */
  get behindSinceMs(): MonotonicMs | null {
    return this.#behindSinceMs;
  }
}

/**
 * What earlier passes of this process saw of the log's ends: which records are old enough to be read past the
 * consumer, and since when an end has been below what is committed. Losing it costs freshness only.
 */
export class LogHistory {
  readonly #partitions = new Map<number, PartitionHistory>();
  readonly #turns = new Map<number, number>();

  /** Offsets of another generation are other offsets, so nothing of the one before is kept. */
  of({ partition, generation }: Pick<Progress, 'partition' | 'generation'>): PartitionHistory {
    const known = this.#partitions.get(partition);
    if (known?.generation === generation) return known;
    const fresh = new PartitionHistory(generation);
    this.#partitions.set(partition, fresh);
    return fresh;
  }

  /** While a partition is halted its log may be another than its progress says, so no look at it is kept. */
  forget({ partition }: Pick<Progress, 'partition'>): void {
    this.#partitions.delete(partition);
  }

  /** Which pass of a shard this is, so that each begins with another partition; a new process begins anywhere. */
  turn({ shard, nowMs }: { readonly shard: number; readonly nowMs: number }): number {
    const turn = this.#turns.get(shard) ?? Math.floor(nowMs);
    this.#turns.set(shard, turn + 1);
    return turn;
  }
}
