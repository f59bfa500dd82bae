/**
 * What the shards hold of an API key. Every shard holds every key, and a shard may have missed a change; so two rows of
 * one key are joined, and the join is the same in any order and any number of times.
 */
import type { Scope } from './caller.ts';

export interface ApiKeyRow {
  readonly id: string;
  /** Of the whole key, by `hashApiKey`. */
  readonly hash: Buffer;
  /** Whose key it is: a name that the administrator chose. */
  readonly owner: string;
  readonly scopes: readonly Scope[];
  readonly organizations: 'all' | readonly string[];
  readonly keysRequired: boolean;
  readonly createdBy: string;
  readonly createdAtMs: number;
  /** null: it has no end. */
  readonly expiresAtMs: number | null;
  readonly revokedAtMs: number | null;
  /** From 1, one more at each change. */
  readonly version: number;
}

/** A key is of use until it is revoked or expires. */
export function isLive({ expiresAtMs, revokedAtMs }: ApiKeyRow, nowMs: number): boolean {
  return revokedAtMs === null && (expiresAtMs === null || nowMs < expiresAtMs);
}

/** What two shards know of one key together. What a key is never changes; it only ends earlier. */
export function joinRows(a: ApiKeyRow, b: ApiKeyRow): ApiKeyRow {
  return {
    ...a,
    version: Math.max(a.version, b.version),
    expiresAtMs: earlier(a.expiresAtMs, b.expiresAtMs),
    revokedAtMs: earlier(a.revokedAtMs, b.revokedAtMs),
  };
}

/** Whether one row of a key says what the other says. */
export function isSameRow(a: ApiKeyRow | undefined, b: ApiKeyRow): boolean {
  return (
    a !== undefined &&
    a.version === b.version &&
    a.expiresAtMs === b.expiresAtMs &&
    a.revokedAtMs === b.revokedAtMs
  );
}

/** The rows of several shards, each key once. */
export function joinAll(rows: Iterable<ApiKeyRow>): ReadonlyMap<string, ApiKeyRow> {
  const joined = new Map<string, ApiKeyRow>();
  for (const row of rows) {
    const known = joined.get(row.id);
    joined.set(row.id, known === undefined ? row : joinRows(known, row));
  }
  return joined;
}

// Same type: the earlier of the two, in whichever order.
function earlier(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.min(a, b);
}
