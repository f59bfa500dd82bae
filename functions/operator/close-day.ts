import { type ErrorCode, OdometerError } from '../../shared/errors.ts';
import type { Closing, ClosingOutcome } from '../../shared/ledger/closing.ts';
import type { ShardControl } from '../../shared/ledger/shard-control.ts';

/** What a shard says to the closing of a day. `failed`: it said nothing; whether the day is closed is seen by asking again. */
export type ShardClosing = { readonly shard: number } & (
  | ClosingOutcome
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string }
);

/** Closes a day of every shard, one after the other; one that refuses or fails keeps no other open. */
export async function closeDay(
  closing: Closing,
  shards: readonly ShardControl[],
): Promise<readonly ShardClosing[]> {
  const closings: ShardClosing[] = [];
  for (const control of shards) {
    closings.push({ shard: control.shard, ...(await outcomeOf(control.closeDay(closing))) });
  }
  return closings;
}

/** A broken invariant is reported like the rest: the other shards have nothing to do with it. */
async function outcomeOf(
  closing: Promise<ClosingOutcome>,
): Promise<ClosingOutcome | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string }> {
  try {
    return await closing;
  } catch (error) {
    if (!(error instanceof OdometerError)) throw error;
    return { kind: 'failed', code: error.code, message: error.message };
  }
}
