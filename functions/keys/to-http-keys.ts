/** The answers about API keys. Only that of a new key has its text. */
import type { z } from 'zod';
import { type ApiKeyRow, isLive } from '../../shared/callers/api-key-row.ts';
import { problem } from '../../shared/http/problem.ts';
import type { HttpAnswer } from '../../shared/http/stack.ts';
import {
  apiKeyListAgeMsMax,
  apiKeysMax,
  apiKeysPerOwnerMax,
  authorizedSeconds,
} from '../../shared/limits.ts';
import type { CreateOutcome } from './create-key.ts';
import type {
  createKeyAnswer,
  keyAnswer,
  listKeysAnswer,
  revokeKeyAnswer,
  rotateKeyAnswer,
} from './key-schema.ts';
import type { KeyPage } from './list-keys.ts';
import type { RevokeOutcome } from './revoke-key.ts';
import type { RotateOutcome } from './rotate-key.ts';

type Refused = Exclude<CreateOutcome | RevokeOutcome | RotateOutcome, { kind: 'created' | 'revoked' }>;

export function toHttpCreated(outcome: CreateOutcome, nowMs: number): HttpAnswer {
  if (outcome.kind !== 'created') return toHttpRefused(outcome);
  const { text: key, row, missing } = outcome;
  const body: z.input<typeof createKeyAnswer> = { key, ...toKey(row, nowMs), unavailable: toShards(missing) };
  return { status: 201, body };
}

export function toHttpRotated(outcome: RotateOutcome, nowMs: number): HttpAnswer {
  if (outcome.kind !== 'created') return toHttpRefused(outcome);
  const { text: key, row, replaced, missing } = outcome;
  const body: z.input<typeof rotateKeyAnswer> = {
    ...{ key, ...toKey(row, nowMs), replaces: toKey(replaced, nowMs) },
    unavailable: toShards(missing),
  };
  return { status: 201, body };
}

export function toHttpRevoked(outcome: RevokeOutcome, nowMs: number): HttpAnswer {
  if (outcome.kind !== 'revoked') return toHttpRefused(outcome);
  const body: z.input<typeof revokeKeyAnswer> = {
    ...toKey(outcome.row, nowMs),
    refused_within_seconds: apiKeyListAgeMsMax / 1000 + authorizedSeconds,
    unavailable: toShards(outcome.missing),
  };
  return { status: 200, body };
}

export function toHttpListed({ keys, nextAfter, missing }: KeyPage, nowMs: number): HttpAnswer {
  const body: z.input<typeof listKeysAnswer> = {
    keys: keys.map(({ row, lastUsedAtMs }) => ({
      ...toKey(row, nowMs),
      last_used_at: toHttpTime(lastUsedAtMs),
    })),
    ...(nextAfter === null ? {} : { next_cursor: nextAfter }),
    unavailable: toShards(missing),
  };
  return { status: 200, body };
}

const forbidden = {
  scope_not_allowed: 'The key would have a scope that the caller has not.',
  organization_not_allowed: 'The key would reach organizations that the caller does not reach.',
};

function toHttpRefused(outcome: Refused): HttpAnswer {
  switch (outcome.kind) {
    case 'forbidden':
      return { problem: problem(403, outcome.code, forbidden[outcome.code]) };
    case 'key_unknown':
      return { problem: problem(404, 'key_unknown', 'There is no such key among those of the caller.') };
    case 'key_not_live':
      return { problem: problem(409, 'key_not_live', 'The key is revoked or expired: make a new one.') };
    case 'owner_has_enough': {
      const detail = `The owner has ${apiKeysPerOwnerMax} live keys already: revoke one, or let it expire.`;
      return { problem: problem(409, 'owner_has_enough', detail) };
    }
    case 'too_many':
      return { problem: problem(409, 'too_many_keys', `There are ${apiKeysMax} live keys already.`) };
  }
}

// Same type: a row has no time of its own that could be taken for now.
function toKey(row: ApiKeyRow, nowMs: number): z.input<typeof keyAnswer> {
  const ended = row.revokedAtMs === null ? 'expired' : 'revoked';
  return {
    key_id: row.id,
    owner: row.owner,
    scopes: [...row.scopes],
    organizations: row.organizations === 'all' ? '*' : [...row.organizations],
    keys_required: row.keysRequired,
    state: isLive(row, nowMs) ? 'live' : ended,
    created_by: row.createdBy,
    created_at: new Date(row.createdAtMs).toISOString(),
    expires_at: toHttpTime(row.expiresAtMs),
    revoked_at: toHttpTime(row.revokedAtMs),
    version: row.version,
  };
}

function toShards(missing: readonly number[]): string[] {
  return missing.map((shard) => `shard${shard}`);
}

function toHttpTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
