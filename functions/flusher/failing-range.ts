import type { Suspicion } from '../../shared/errors.ts';
import type { PartitionPlace } from '../../shared/ledger/shard-ledger.ts';
import { rangeFailureGapMs, rangeFailuresMax } from '../../shared/limits.ts';
import type { MonotonicMs } from '../../shared/runtime/clock.ts';

/** A range that the shard did not take, for a reason that may be the range's own. */
export interface RangeFailure {
  /** Where it begins. */
  readonly place: PartitionPlace;
  readonly suspicion: Suspicion;
  readonly reason: string;
}

interface Known {
  readonly from: number;
  /** Another one is another story. */
  readonly suspicion: string;
  readonly times: number;
  readonly triedMs: MonotonicMs;
}

/**
 * Whether a range of one partition fails again and again. Only failures of passes in which the shard did other work are
 * noted, so that a shard in trouble never halts a partition. Losing this memory costs a partition some more tries before
 * it halts.
 */
export class FailingRange {
  #known: Known | null = null;

  /** Whether the range failed a moment ago: tried at every pass, it would slow the other partitions. */
  rests(from: number, atMs: MonotonicMs): boolean {
    const known = this.#known;
    return known !== null && known.from === from && atMs - known.triedMs < rangeFailureGapMs;
  }

  /**
   * Notes a failure of this pass, unless one was noted a moment ago; answers whether it is one too many. Then it is
   * forgotten: an operator who resumes the partition gives it as many tries again.
   */
  note({ place, suspicion }: Pick<RangeFailure, 'place' | 'suspicion'>, atMs: MonotonicMs): boolean {
    const { nextOffset: from } = place;
    const same = this.#known?.from === from && this.#known.suspicion === suspicion.name;
    if (same && this.rests(from, atMs)) return false;
    const times = (same ? (this.#known?.times ?? 0) : 0) + 1;
    const tooMany = times >= rangeFailuresMax;
    this.#known = tooMany ? null : { from, suspicion: suspicion.name, times, triedMs: atMs };
    return tooMany;
  }

  /** Its partition was committed past it. */
  forget(): void {
    this.#known = null;
  }
}

/**
 * Which failures of a pass are a range's own. A shard that took another range in the same pass takes work of that size, so
 * what it did not take is to blame. Where it took none, nobody is blamed if several failed; and one that failed alone only
 * if its failure is none that a server under load gives to any work: an observation is too small to rule that out.
 */
export function toBlame(
  failures: readonly RangeFailure[],
  { commits, observed }: { readonly commits: number; readonly observed: boolean },
): readonly RangeFailure[] {
  if (commits > 0) return failures;
  return observed && failures.length === 1 ? failures.filter(({ suspicion }) => !suspicion.underLoad) : [];
}
