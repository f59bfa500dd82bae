import { type ApiKeyRow, joinAll } from '../../shared/callers/api-key-row.ts';
import type { Caller } from '../../shared/callers/caller.ts';
import { apiKeyComparedShardsMin } from '../../shared/limits.ts';
import { ask, tooFew } from './every-shard.ts';
import type { KeyPorts } from './key-ports.ts';
import { reachesAll } from './may-manage.ts';

/** A key as all shards that answer know it; null: there is none that the caller may see. Throws `api_keys_unavailable`. */
export async function findKey(
  { shards, logger }: Pick<KeyPorts, 'shards' | 'logger'>,
  caller: Caller,
  id: string,
): Promise<ApiKeyRow | null> {
  const { found } = await ask(shards, (one) => one.find(id), logger);
  const rows = [...found.values()].filter((row) => row !== null);
  const row = joinAll(rows).get(id);
  if (row !== undefined) return reachesAll(caller, row) ? row : null;
  if (found.size < apiKeyComparedShardsMin) throw tooFew();
  return null;
}
