import type { ListPage, QuarantinedRecord, ShardControl } from '../../shared/ledger/shard-control.ts';
import { newestFirst } from './newest-first.ts';

/** A quarantined record as an operator reads it; the first bytes as base64, and how many there are. */
export interface QuarantineEntry extends Omit<QuarantinedRecord, 'bytes'> {
  readonly shard: number;
  readonly bytes: string;
}

/** The newest quarantined records of all shards; the cursor of the last one leads to those that are older. */
export async function listQuarantine(
  shards: readonly ShardControl[],
  page: ListPage,
): Promise<readonly QuarantineEntry[]> {
  const pages = shards.map(async (control) => {
    const { rows, cut } = await control.quarantined(page);
    const entries = rows.map((record) => {
      return { shard: control.shard, ...record, bytes: record.bytes.toString('base64') };
    });
    return { cut, rows: entries };
  });
  return newestFirst(await Promise.all(pages), page.rowsMax);
}
