/** API keys of one shard as those see them who make, revoke and compare them. Implemented by `shared/ledger/postgres`. */
import type { ApiKeyRow } from './api-key-row.ts';
import type { ApiKeyUse } from './api-key-source.ts';

/** Who changes keys and why, for the audit log. */
export interface KeyDecision {
  readonly by: string;
  readonly why: string;
}

export type AddOutcome = 'added' | 'owner_has_enough' | 'too_many';

export interface ApiKeyShard {
  readonly shard: number;
  /** By the shard's own clock. */
  time(): Promise<number>;
  /** The same text on two shards: they hold the same keys. */
  digest(): Promise<string>;
  /** Every key that was ever made. */
  all(): Promise<readonly ApiKeyRow[]>;
  find(id: string): Promise<ApiKeyRow | null>;
  /** Joins rows with what the shard has. */
  join(rows: readonly ApiKeyRow[], decision: KeyDecision): Promise<void>;
  /** As `join` for a new key, unless its owner, or all owners together, then have too many live ones. */
  add(row: ApiKeyRow, decision: KeyDecision): Promise<AddOutcome>;
  /** From then on, by the shard's clock, it lacks no acknowledged change: it answers for keys. */
  setCompared(atMs: number): Promise<void>;
  uses(): Promise<readonly ApiKeyUse[]>;
  close(): Promise<void>;
}
