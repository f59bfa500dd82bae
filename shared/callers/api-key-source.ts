/** API keys as the authorizer reads them. Implemented by `shared/ledger/postgres`, and from outside of the network by a function. */
import type { ApiKeyRow } from './api-key-row.ts';

/** What changed on one shard above a place; `more`: there is more above `place`. */
export interface ApiKeyChanges {
  readonly place: number;
  readonly rows: readonly ApiKeyRow[];
  readonly more: boolean;
}

export interface ApiKeyUse {
  readonly id: string;
  readonly usedAtMs: number;
}

export interface ApiKeySource {
  /**
   * Asks every shard at once for what changed above its place; from place 0 without keys that ended more than an hour ago. null: the shard
   * does not answer for keys, because it is down, or was away and has not taken the keys of others yet.
   */
  changes(places: readonly number[]): Promise<readonly (ApiKeyChanges | null)[]>;
  /** Stores when keys were last used, on one shard that answers. */
  noteUses(uses: readonly ApiKeyUse[]): Promise<void>;
}
