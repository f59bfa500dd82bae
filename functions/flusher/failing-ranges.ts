import { rangeFailureGapMs, rangeFailuresMax } from '../../shared/limits.ts';
import type { MonotonicMs } from '../../shared/runtime/clock.ts';

/** A range that the shard did not take, for a reason that may be the range's own. */
export interface RangeFailure {
  readonly partition: number;
  readonly from: number;
  /** What the failure is called: another one is another story. */
  readonly suspicion: string;
  readonly reason: string;
}

interface Known extends RangeFailure {
  readonly times: number;
  readonly triedMs: MonotonicMs;
}

/**
 * Which ranges fail again and again. Only failures of passes in which the shard did other work are noted, so that a
 * shard in trouble never halts a partition. Losing this memory costs a partition some more tries before it halts.
 */
export class FailingRanges {
  readonly #known = new Map<number, Known>();

  /** Whether the range failed a moment ago: tried at every pass, it would slow the other partitions. */
  rests({ partition, from }: Pick<RangeFailure, 'partition' | 'from'>, atMs: MonotonicMs): boolean {
    const known = this.#known.get(partition);
    return known !== undefined && known.from === from && atMs - known.triedMs < rangeFailureGapMs;
  }

  /** Notes a failure of this pass, unless one was noted a moment ago; answers whether it is one too many. */
  note(failure: RangeFailure, atMs: MonotonicMs): boolean {
    const known = this.#known.get(failure.partition);
    const same = known?.from === failure.from && known.suspicion === failure.suspicion;
    if (same && this.rests(failure, atMs)) return false;
    const times = (same ? known.times : 0) + 1;
    this.#known.set(failure.partition, { ...failure, times, triedMs: atMs });
    return times >= rangeFailuresMax;
  }
}
