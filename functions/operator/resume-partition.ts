import type { Decision, DecisionOutcome, ShardControl } from '../../shared/ledger/shard-control.ts';
import { shardOf } from '../../shared/log/routing.ts';

/** Carries out an operator's decision on the partition's home shard (U7). */
export async function resumePartition(
  decision: Decision,
  shards: readonly ShardControl[],
): Promise<DecisionOutcome> {
  const home = shards[shardOf(decision.partition)];
  return home === undefined ? 'unknown_partition' : await home.decide(decision);
}
