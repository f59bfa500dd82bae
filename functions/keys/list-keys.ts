/** The use case: the keys that a caller may see, without their texts, which nobody has. */
import { type ApiKeyRow, isLive, joinAll } from '../../shared/callers/api-key-row.ts';
import type { Caller } from '../../shared/callers/caller.ts';
import { ask, tooFew } from './every-shard.ts';
import type { KeyPorts } from './key-ports.ts';
import { reachesAll } from './may-manage.ts';

export interface ListRequest {
  readonly owner?: string | undefined;
  /** Revoked and expired keys as well. */
  readonly ended: boolean;
  /** The last key of the page before. */
  readonly after?: string | undefined;
  readonly limit: number;
}

interface ListedKey {
  readonly row: ApiKeyRow;
  readonly lastUsedAtMs: number | null;
}

export interface KeyPage {
  readonly keys: readonly ListedKey[];
  /** null: no more follow. */
  readonly nextAfter: string | null;
  readonly missing: readonly number[];
}

/** In the order of their ids, which are random. */
export async function listKeys(
  { shards, clock, logger }: KeyPorts,
  caller: Caller,
  { owner, ended, after = '', limit }: ListRequest,
): Promise<KeyPage> {
  const { found, missing } = await ask(
    shards,
    async (one) => ({ rows: await one.all(), uses: await one.uses() }),
    logger,
  );
  if (found.size === 0) throw tooFew();
  const answers = [...found.values()];
  const nowMs = clock.now();
  const rows = [...joinAll(answers.flatMap((answer) => answer.rows)).values()]
    .filter((row) => row.id > after && reachesAll(caller, row))
    .filter((row) => (owner === undefined || row.owner === owner) && (ended || isLive(row, nowMs)))
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const used = new Map<string, number>();
  for (const { id, usedAtMs } of answers.flatMap((answer) => answer.uses))
    used.set(id, Math.max(usedAtMs, used.get(id) ?? 0));
  const page = rows.slice(0, limit);
  return {
    keys: page.map((row) => ({ row, lastUsedAtMs: used.get(row.id) ?? null })),
    nextAfter: rows.length > limit ? (page.at(-1)?.id ?? null) : null,
    missing,
  };
}
