import type pg from 'pg';
import type { ApiKeyRow } from '../../callers/api-key-row.ts';
import type { AddOutcome, ApiKeyShard, KeyDecision } from '../../callers/api-key-shard.ts';
import { invariant } from '../../errors.ts';
import { apiKeyAnswerTimeoutMs, apiKeysMax, apiKeysPerOwnerMax } from '../../limits.ts';
import { fromRowApiKey, type StoredApiKey, toRowApiKeys } from './api-key-values.ts';
import { execute } from './execute.ts';
import { createReaderPools, type ReaderPoolsSettings } from './reader-pool.ts';
import { toSafeInteger } from './row-values.ts';
import { type ShardPool, withConnection } from './shard-pool.ts';
import { loadSql } from './sql.ts';

const readKeys = loadSql('read-api-keys');
const joinKeys = loadSql('join-api-keys');
const countLive = loadSql('count-live-api-keys');
const digestKeys = loadSql('digest-api-keys');
const setCompared = loadSql('set-api-keys-compared');
const readUses = loadSql('read-api-key-uses');
const readClock = loadSql('read-clock');
const setDecision = loadSql('set-decision');

/** The shards by the login `keys`, in shard order; each connects when it is first used. */
export function createApiKeyShards(settings: ReaderPoolsSettings): readonly ApiKeyShard[] {
  return createReaderPools(settings, 'keys').map(shardOf);
}

function shardOf(pool: ShardPool, shard: number): ApiKeyShard {
  const rowsOf = async <Row extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []) =>
    (await withConnection(pool, (client) => execute<Row>(client, text, values, apiKeyAnswerTimeoutMs))).rows;
  return {
    shard,
    time: async () => {
      const [row] = await rowsOf<{ now_ms: string }>(readClock);
      invariant(row !== undefined, 'a clock has one row');
      return toSafeInteger(row.now_ms);
    },
    digest: async () => {
      const [row] = await rowsOf<{ digest: string }>(digestKeys);
      invariant(row !== undefined, 'an aggregate has one row');
      return row.digest;
    },
    all: async () => (await rowsOf<StoredApiKey>(readKeys, [null])).map(fromRowApiKey),
    find: async (id) => (await rowsOf<StoredApiKey>(readKeys, [id])).map(fromRowApiKey)[0] ?? null,
    join: (rows, decision) =>
      withConnection(pool, async (client) => {
        await begin(client, decision);
        await say(client, joinKeys, [toRowApiKeys(rows)]);
        await say(client, 'commit');
      }),
    add: (row, decision) => withConnection(pool, (client) => addOn(client, row, decision)),
    setCompared: async (atMs) => {
      await rowsOf(setCompared, [atMs]);
    },
    uses: async () =>
      (await rowsOf<{ id: string; used_at_ms: string }>(readUses)).map((row) => ({
        id: row.id,
        usedAtMs: toSafeInteger(row.used_at_ms),
      })),
    close: () => pool.end(),
  };
}

/** Counts what there is afterwards, under the lock that joining took. */
async function addOn(client: pg.ClientBase, row: ApiKeyRow, decision: KeyDecision): Promise<AddOutcome> {
  await begin(client, decision);
  await say(client, joinKeys, [toRowApiKeys([row])]);
  const counted = await say<{ of_owner: number; of_all: number }>(client, countLive, [row.owner]);
  invariant(counted[0] !== undefined, 'an aggregate has one row');
  const { of_owner: ofOwner, of_all: ofAll } = counted[0];
  const added = ofAll > apiKeysMax ? 'too_many' : 'added';
  const outcome = ofOwner > apiKeysPerOwnerMax ? 'owner_has_enough' : added;
  await say(client, outcome === 'added' ? 'commit' : 'rollback');
  return outcome;
}

async function begin(client: pg.ClientBase, { by, why }: KeyDecision): Promise<void> {
  await say(client, 'begin');
  await say(client, setDecision, [by, why]);
}

async function say<Row extends pg.QueryResultRow>(
  client: pg.ClientBase,
  text: string,
  values?: readonly unknown[],
): Promise<readonly Row[]> {
  return (await execute<Row>(client, text, values, apiKeyAnswerTimeoutMs)).rows;
}
