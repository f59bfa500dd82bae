/** The use case: what all shards keep aside, in one list, newest first; a shard that is down is named and left out. */
import { OdometerError } from '../../shared/errors.ts';
import type { KeptPlace } from '../../shared/ledger/event-lookup.ts';

export interface KeptPage<Entry> {
  readonly entries: readonly Entry[];
  readonly next: KeptPlace | null;
  readonly unavailable: readonly string[];
}

/** What lists one kind of entries of a shard. */
export interface KeptSource<Entry> {
  readonly shard: number;
  readonly list: (rowsMax: number) => Promise<readonly Entry[]>;
}

export async function listKeptAside<Entry extends KeptPlace>(
  sources: readonly KeptSource<Entry>[],
  limit: number,
): Promise<KeptPage<Entry>> {
  const unavailable: string[] = [];
  const lists = sources.map(async ({ shard, list }) => {
    try {
      return await list(limit + 1);
    } catch (error) {
      if (!(error instanceof OdometerError) || error.code !== 'shard_unavailable') throw error;
      unavailable.push(`shard${shard}`);
      return [];
    }
  });
  const all = (await Promise.all(lists)).flat().sort(newestFirst);
  const entries = all.slice(0, limit);
  return {
    entries,
    next: all.length > limit ? (entries.at(-1) ?? null) : null,
    unavailable: unavailable.sort(),
  };
}

// Same type: two entries of one list.
function newestFirst(a: KeptPlace, b: KeptPlace): number {
  const [atA, atB] = [BigInt(a.atUs), BigInt(b.atUs)];
  if (atA !== atB) return atA < atB ? 1 : -1;
  if (a.partition !== b.partition) return b.partition - a.partition;
  return b.generation - a.generation || b.offset - a.offset || b.index - a.index;
}
