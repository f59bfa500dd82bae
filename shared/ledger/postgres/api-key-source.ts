import type { ApiKeyChanges, ApiKeySource, ApiKeyUse } from '../../callers/api-key-source.ts';
import { failure, OdometerError } from '../../errors.ts';
import {
  apiKeyAnswerTimeoutMs,
  apiKeyComparedMsMax,
  apiKeyLateAnswerMs,
  apiKeyPageRows,
} from '../../limits.ts';
import { within } from '../../runtime/within.ts';
import { fromRowApiKey, type StoredApiKey } from './api-key-values.ts';
import { execute } from './execute.ts';
import { createReaderPools, type ReaderPoolsSettings, type ReadingPool, withReading } from './reader-pool.ts';
import { toSafeInteger } from './row-values.ts';
import { type ShardPool, withConnection } from './shard-pool.ts';
import { loadSql } from './sql.ts';

const readChanges = loadSql('read-api-key-changes');
const noteUses = loadSql('note-api-key-uses');

type ChangeRow = { readonly answers: boolean; readonly changes: string } & (
  | ({ readonly change: string } & StoredApiKey)
  | { readonly change: null }
);

/** The keys of all shards by the login `authorizer`; connects when it is first used. */
export function createApiKeySource(settings: ReaderPoolsSettings): ApiKeySource & { close(): Promise<void> } {
  const pools = createReaderPools(settings, 'authorizer');
  const { logger } = settings;
  return {
    async changes(places) {
      const found: (ApiKeyChanges | null)[] = pools.map(() => null);
      const asked = pools.map(async (pool, shard) => {
        try {
          found[shard] = await changesOf(pool, places[shard] ?? 0);
        } catch (error) {
          logger?.warn({ ...failure(error), shard }, 'a shard does not answer for keys');
        }
        if (found[shard] === null) throw new Error(`shard ${shard} does not answer for keys`);
      });
      const all = Promise.allSettled(asked);
      await within(
        Promise.any(asked).catch(() => all),
        apiKeyAnswerTimeoutMs,
        () => undefined,
      );
      // One answer is enough; the others may know of a revocation that it lacks.
      await within(all, apiKeyLateAnswerMs, () => undefined);
      return [...found];
    },
    noteUses: (uses) => noteOnOne(pools, uses),
    async close() {
      await Promise.all(pools.map((pool) => pool.end()));
    },
  };
}

async function changesOf(pool: ReadingPool, place: number): Promise<ApiKeyChanges | null> {
  const values = [place, apiKeyPageRows, apiKeyComparedMsMax];
  const rows = await withReading(pool, async (client) => {
    return (await execute<ChangeRow>(client, readChanges, values, apiKeyAnswerTimeoutMs)).rows;
  });
  if (rows[0]?.answers !== true) return null;
  const changed = rows.filter((row) => row.change !== null);
  const more = changed.length === apiKeyPageRows;
  // Up to the place of the shard, where no key has one of its own that is above: the ended ones were left out.
  const last = more ? changed.at(-1)?.change : rows[0].changes;
  return { place: toSafeInteger(last ?? rows[0].changes), rows: changed.map(fromRowApiKey), more };
}

async function noteOnOne(pools: readonly ShardPool[], uses: readonly ApiKeyUse[]): Promise<void> {
  const values = [uses.map(({ id }) => id), uses.map(({ usedAtMs }) => usedAtMs)];
  const failures: unknown[] = [];
  for (const pool of pools) {
    try {
      await withConnection(pool, (client) => execute(client, noteUses, values, apiKeyAnswerTimeoutMs));
      return;
    } catch (error) {
      failures.push(error);
    }
  }
  throw new OdometerError('api_keys_unavailable', 'no shard takes when keys were used', {
    retryable: true,
    cause: new AggregateError(failures),
  });
}
