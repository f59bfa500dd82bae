import type { ApiKeyRow } from '../../callers/api-key-row.ts';
import type { Scope } from '../../callers/caller.ts';
import { toSafeInteger } from './row-values.ts';

/** A row of `api_keys` as the driver returns it. */
export interface StoredApiKey {
  readonly id: string;
  readonly hash: Buffer;
  readonly owner: string;
  readonly scopes: readonly Scope[];
  readonly organizations: readonly string[] | null;
  readonly keys_required: boolean;
  readonly created_by: string;
  readonly created_at_ms: string;
  readonly expires_at_ms: string | null;
  readonly revoked_at_ms: string | null;
  readonly version: number;
}

export function fromRowApiKey(row: StoredApiKey): ApiKeyRow {
  const { id, hash, owner, scopes, version } = row;
  return {
    ...{ id, hash, owner, scopes, version, organizations: row.organizations ?? 'all' },
    keysRequired: row.keys_required,
    createdBy: row.created_by,
    createdAtMs: toSafeInteger(row.created_at_ms),
    expiresAtMs: orNone(row.expires_at_ms),
    revokedAtMs: orNone(row.revoked_at_ms),
  };
}

/** The list of `join-api-keys.sql`. */
export function toRowApiKeys(rows: readonly ApiKeyRow[]): string {
  return JSON.stringify(
    rows.map((row) => ({
      ...{ id: row.id, hash: row.hash.toString('hex'), owner: row.owner, scopes: row.scopes },
      organizations: row.organizations === 'all' ? null : row.organizations,
      keys_required: row.keysRequired,
      created_by: row.createdBy,
      created_at_ms: row.createdAtMs,
      expires_at_ms: row.expiresAtMs,
      revoked_at_ms: row.revokedAtMs,
      version: row.version,
    })),
  );
}

function orNone(value: string | null): number | null {
  return value === null ? null : toSafeInteger(value);
}
