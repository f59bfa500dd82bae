import type { PartitionState, ShardControl } from '../../shared/ledger/shard-control.ts';

/** A halted partition and the shard that holds it. */
export interface HaltedPartition extends Omit<PartitionState, 'closedBefore'> {
  readonly shard: number;
}

/** All halted partitions of these shards. */
export async function listHalts(shards: readonly ShardControl[]): Promise<readonly HaltedPartition[]> {
  const halts = shards.map(async (control) => {
    const states = await control.partitions();
    return states
      .filter(({ halt }) => halt !== null)
      .map(({ closedBefore: _, ...state }) => ({ shard: control.shard, ...state }));
  });
  return (await Promise.all(halts)).flat();
}
