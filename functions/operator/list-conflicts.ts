import type { ListPage, RecordedConflict, ShardControl } from '../../shared/ledger/shard-control.ts';
import { newestFirst } from './newest-first.ts';

/** A conflict and the shard that holds it. */
export interface ConflictEntry extends RecordedConflict {
  readonly shard: number;
}

/** The newest conflicts of all shards; the cursor of the last one leads to those that are older. */
export async function listConflicts(
  shards: readonly ShardControl[],
  page: ListPage,
): Promise<readonly ConflictEntry[]> {
  const pages = shards.map(async (control) => {
    const { rows, cut } = await control.conflicts(page);
    return { cut, rows: rows.map((conflict) => ({ shard: control.shard, ...conflict })) };
  });
  return newestFirst(await Promise.all(pages), page.rowsMax);
}
