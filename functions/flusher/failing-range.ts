import type { Suspicion } from '../../shared/errors.ts';
import type { OffsetRange } from '../../shared/ledger/load.ts';
import type { PartitionPlace } from '../../shared/ledger/shard-ledger.ts';
import { rangeFailureGapMs, rangeFailuresMax } from '../../shared/limits.ts';
import type { MonotonicMs } from '../../shared/runtime/clock.ts';

/** What a server has to do for a range, before any of it is known to be a duplicate. */
export interface RangeSize {
  readonly events: number;
  /** Of its rows. */
  readonly bytes: number;
}

export function sizeOf({ segments }: OffsetRange): RangeSize {
  const days = segments.flatMap((segment) => segment.days);
  return {
    events: days.reduce((sum, { count }) => sum + count, 0),
    bytes: days.reduce((sum, { rows }) => sum + rows.length, 0),
  };
}

/** A range that a shard took. */
export interface TakenRange extends RangeSize {
  readonly partition: number;
}

/** A range that the shard did not take, for a reason that may be the range's own. */
export interface RangeFailure {
  /** Where it begins. */
  readonly place: PartitionPlace;
  readonly suspicion: Suspicion;
  readonly reason: string;
  /** null: it failed before it was sent. */
  readonly size: RangeSize | null;
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
   * Notes a failure of this pass, unless one was noted a moment ago; answers whether it is one too many. So is the next
   * one, until the halt is written down and the range is forgotten.
   */
  note({ place, suspicion }: Pick<RangeFailure, 'place' | 'suspicion'>, atMs: MonotonicMs): boolean {
    const { nextOffset: from } = place;
    const same = this.#known?.from === from && this.#known.suspicion === suspicion.name;
    if (same && this.rests(from, atMs)) return false;
    const times = (same ? (this.#known?.times ?? 0) : 0) + 1;
    const tooMany = times >= rangeFailuresMax;
    this.#known = { from, suspicion: suspicion.name, times, triedMs: atMs };
    return tooMany;
  }

  /** Notes the time of a try that counts for nothing: it may have taken long, and the next one waits as well. */
  rest({ place, suspicion }: Pick<RangeFailure, 'place' | 'suspicion'>, atMs: MonotonicMs): void {
    const { nextOffset: from } = place;
    const same = this.#known?.from === from && this.#known.suspicion === suspicion.name;
    this.#known = {
      from,
      suspicion: suspicion.name,
      times: same ? (this.#known?.times ?? 0) : 0,
      triedMs: atMs,
    };
  }

  /** Its partition was committed past it, or halted: an operator who resumes it gives the range as many tries again. */
  forget(): void {
    this.#known = null;
  }
}

/**
 * Which failures of a pass are a range's own. A shard that took another range in the same pass works, so what it did not take
 * is to blame; but a failure that a server under load gives to work of some size only where the range that it took, of
 * another partition, was no smaller. Where it took none, nobody is blamed if several failed; and one that failed alone only
 * if its failure is none of load: an observation is too small to rule that out.
 */
export function toBlame(
  failures: readonly RangeFailure[],
  { taken, observed }: { readonly taken: readonly TakenRange[]; readonly observed: boolean },
): readonly RangeFailure[] {
  if (taken.length > 0)
    return failures.filter((failed) => !failed.suspicion.underLoad || tookAsMuch(taken, failed));
  return observed && failures.length === 1 ? failures.filter(({ suspicion }) => !suspicion.underLoad) : [];
}

function tookAsMuch(taken: readonly TakenRange[], { place, size }: RangeFailure): boolean {
  if (size === null) return false;
  return taken.some(
    ({ partition, events, bytes }) =>
      partition !== place.partition && events >= size.events && bytes >= size.bytes,
  );
}
