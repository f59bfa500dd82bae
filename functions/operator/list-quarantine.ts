import type { QuarantinedRecord, ShardControl } from '../../shared/ledger/shard-control.ts';

/** A quarantined record as an operator reads it; bytes as base64. */
export interface QuarantineEntry extends Omit<QuarantinedRecord, 'bytes'> {
  readonly shard: number;
  readonly bytes: string;
}

/** The newest quarantined records of each shard. */
export async function listQuarantine(
  shards: readonly ShardControl[],
  rowsMax: number,
): Promise<readonly QuarantineEntry[]> {
  const entries = shards.map(async (control) =>
    (await control.quarantined(rowsMax)).map((record) => ({
      shard: control.shard,
      ...record,
      bytes: record.bytes.toString('base64'),
    })),
  );
  return (await Promise.all(entries)).flat();
}
