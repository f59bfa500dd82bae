/** When a day may be closed: its rows, which are the memory of its keys, go, and what comes of it later is not counted. */
import { closingMarginMs, dayMs, eventAgeDaysMax } from '../limits.ts';
import type { CommitMismatch, TotalMismatch } from './mismatches.ts';

/** What an operator decided: this day, in days since 1970-01-01, and every day before it is closed. */
export interface Closing {
  readonly day: number;
  readonly by: string;
  readonly why: string;
}

/** `unfinished`: why a table of closed days is still there; the same command goes on with it. */
export type ClosingOutcome =
  | {
      readonly kind: 'closed' | 'closed_already';
      readonly leavesDropped: number;
      readonly unfinished: string | null;
    }
  | ClosingProblem;

/**
 * Why nothing was closed. `too_young`: events of the day are still accepted until then. `not_committed`: these partitions
 * are halted, or may not have committed all that was accepted until then. `too_many_days`: close up to `first` before.
 * `differs`: the rows of this day are not what these commits counted, or do not add up to these totals. `changed`: while
 * the days were compared, events of these were counted, or another closing was made.
 */
export type ClosingProblem =
  | { readonly kind: 'too_many_days'; readonly first: number }
  | { readonly kind: 'changed'; readonly days: readonly string[] }
  | {
      readonly kind: 'differs';
      readonly day: string;
      readonly commits: readonly CommitMismatch[];
      readonly totals: readonly TotalMismatch[];
    }
  | { readonly kind: 'too_young'; readonly acceptedUntilMs: number }
  | {
      readonly kind: 'not_committed';
      readonly partitions: readonly number[];
      readonly acceptedUntilMs: number;
    };

/** How far a partition is complete, and the shard's time. */
export interface ClosingPartition {
  readonly partition: number;
  readonly halted: boolean;
  readonly completeThroughMs: number | null;
  readonly nowMs: number;
}

/** Why the day may not be closed yet, or null. Only a caller with the scope `backfill` can report for it after that. */
export function closingProblem(day: number, partitions: readonly ClosingPartition[]): ClosingProblem | null {
  // The day's last event is accepted at its end, plus the age that an event may have; clocks differ, requests take time.
  const acceptedUntilMs = (day + 1 + eventAgeDaysMax) * dayMs + closingMarginMs;
  if (partitions.some(({ nowMs }) => nowMs < acceptedUntilMs)) return { kind: 'too_young', acceptedUntilMs };
  const open = partitions.filter(
    ({ halted, completeThroughMs }) => halted || (completeThroughMs ?? 0) < acceptedUntilMs,
  );
  if (open.length === 0) return null;
  return { kind: 'not_committed', partitions: open.map(({ partition }) => partition), acceptedUntilMs };
}
