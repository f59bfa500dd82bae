/** API keys that a test makes by itself on the shards of a system that runs, also those that no route would make. */
import { randomBytes } from 'node:crypto';
import { newKey } from '../../../functions/keys/create-key.ts';
import { createApiKeyShards } from '../../../shared/ledger/postgres/api-key-shard.ts';
import { dayMs } from '../../../shared/limits.ts';
import { FakeLogger } from '../fakes/logger.ts';
import type { Credential } from './access-table.ts';

export interface KeyHome {
  /** DSNs of the login `keys`, in shard order. */
  readonly urls: readonly string[];
  readonly hashSecret: Buffer;
}

export interface MadeKey extends Credential {
  readonly revoked?: boolean;
}

/** The text and id of a key for each credential, in their order; every shard has them. */
export async function makeKeys(
  { urls, hashSecret }: KeyHome,
  credentials: readonly MadeKey[],
): Promise<readonly { readonly id: string; readonly text: string }[]> {
  const shards = createApiKeyShards({ urls });
  const clock = { now: () => Date.now() };
  const ports = { shards, clock, hashSecret, random: randomBytes, logger: new FakeLogger() };
  const nowMs = Date.now();
  const made = credentials.map(({ name, scopes, organizations, expired, revoked = false }) => {
    const { text, row } = newKey(
      { ...ports, environment: 'local' },
      {
        ...{ owner: name.replaceAll(' ', '-'), scopes, organizations, keysRequired: false },
        ...{ createdBy: 'test', createdAtMs: nowMs - dayMs },
        expiresAtMs: expired ? nowMs - 1000 : null,
      },
    );
    return { text, row: { ...row, revokedAtMs: revoked ? nowMs : null } };
  });
  const rows = made.map(({ row }) => row);
  await Promise.all(shards.map((shard) => shard.join(rows, { by: 'test', why: 'test' })));
  await Promise.all(shards.map((shard) => shard.close()));
  return made.map(({ text, row }) => ({ text, id: row.id }));
}
