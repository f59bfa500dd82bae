/**
 * Once a minute: every shard gets the keys and changes that it lacks, and may answer for keys from then on.
 *
 *   asked     the time, of every shard              the clocks are read before anything is compared
 *   compared  by digests; by rows where they differ  each shard then has what all of these together have
 *   set       at least three were compared           a change that was acknowledged before is on one of any three (two of
 *                                                    four have it), so each of these has it: the time that was read is set
 *   not set   fewer were                             a shard that answered goes on until its last comparison is too old
 *
 * Cut off anywhere it is repeated, and two at once do no harm: joining may be done twice, and a time that is set was read
 * before its comparison.
 */
import { type ApiKeyRow, isSameRow, joinAll } from '../../shared/callers/api-key-row.ts';
import type { ApiKeyShard } from '../../shared/callers/api-key-shard.ts';
import { apiKeyComparedShardsMin, apiKeyPageRows } from '../../shared/limits.ts';
import { ask, tooFew } from './every-shard.ts';
import type { KeyPorts } from './key-ports.ts';

export interface Comparison {
  /** The shards that answer for keys from now on. */
  readonly compared: readonly number[];
  /** Rows that some shard lacked. */
  readonly joined: number;
}

const decision = { by: 'system', why: 'compare' };

/** Throws `api_keys_unavailable` (retryable) where too few shards answer. */
export async function compareShards({
  shards,
  logger,
}: Pick<KeyPorts, 'shards' | 'logger'>): Promise<Comparison> {
  const times = (await ask(shards, (one) => one.time(), logger)).found;
  const { equal, joined } = await makeEqual(
    shards.filter(({ shard }) => times.has(shard)),
    logger,
  );
  if (equal.length < apiKeyComparedShardsMin) throw tooFew();
  const set = await ask(equal, (one) => one.setCompared(times.get(one.shard) ?? 0), logger);
  return { compared: [...set.found.keys()].toSorted(), joined };
}

async function makeEqual(
  shards: readonly ApiKeyShard[],
  logger: KeyPorts['logger'],
): Promise<{ readonly equal: readonly ApiKeyShard[]; readonly joined: number }> {
  const digests = (await ask(shards, (one) => one.digest(), logger)).found;
  const answering = shards.filter(({ shard }) => digests.has(shard));
  if (new Set(digests.values()).size <= 1) return { equal: answering, joined: 0 };
  const rows = (await ask(answering, (one) => one.all(), logger)).found;
  const together = joinAll([...rows.values()].flat());
  const joins = await ask(
    answering.filter(({ shard }) => rows.has(shard)),
    async (one) => {
      const lacking = lackingIn(rows.get(one.shard) ?? [], together);
      for (let at = 0; at < lacking.length; at += apiKeyPageRows)
        await one.join(lacking.slice(at, at + apiKeyPageRows), decision);
      return lacking.length;
    },
    logger,
  );
  const joined = [...joins.found.values()].reduce((sum, count) => sum + count, 0);
  if (joined > 0) logger.info({ joined }, 'shards got keys that they lacked');
  return { equal: answering.filter(({ shard }) => joins.found.has(shard)), joined };
}

/** What all shards together have, and this one has not. */
function lackingIn(
  rows: readonly ApiKeyRow[],
  together: ReadonlyMap<string, ApiKeyRow>,
): readonly ApiKeyRow[] {
  const own = new Map(rows.map((row) => [row.id, row]));
  return [...together.values()].filter((row) => !isSameRow(own.get(row.id), row));
}
