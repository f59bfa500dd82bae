import type { Closing, ClosingOutcome } from '../../shared/ledger/closing.ts';
import type { ShardControl } from '../../shared/ledger/shard-control.ts';

/** What a shard says to the closing of a day. */
export type ShardClosing = ClosingOutcome & { readonly shard: number };

/** Closes a day of every shard, one after the other; one that refuses keeps no other open. */
export async function closeDay(
  closing: Closing,
  shards: readonly ShardControl[],
): Promise<readonly ShardClosing[]> {
  const closings: ShardClosing[] = [];
  for (const control of shards) closings.push({ shard: control.shard, ...(await control.closeDay(closing)) });
  return closings;
}
