import type { RecordedConflict, ShardControl } from '../../shared/ledger/shard-control.ts';

/** A conflict and the shard that holds it. */
export interface ConflictEntry extends RecordedConflict {
  readonly shard: number;
}

/** The newest conflicts of each shard. */
export async function listConflicts(
  shards: readonly ShardControl[],
  rowsMax: number,
): Promise<readonly ConflictEntry[]> {
  const entries = shards.map(async (control) =>
    (await control.conflicts(rowsMax)).map((conflict) => ({ shard: control.shard, ...conflict })),
  );
  return (await Promise.all(entries)).flat();
}
