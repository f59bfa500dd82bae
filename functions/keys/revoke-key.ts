/** The use case: a key ends at once, and for ever. Repeating it changes nothing, and brings it to shards that lacked it. */
import type { ApiKeyRow } from '../../shared/callers/api-key-row.ts';
import type { Caller } from '../../shared/callers/caller.ts';
import { joinEverywhere } from './every-shard.ts';
import { findKey } from './find-key.ts';
import type { KeyPorts } from './key-ports.ts';

export type RevokeOutcome =
  | { readonly kind: 'revoked'; readonly row: ApiKeyRow; readonly missing: readonly number[] }
  | { readonly kind: 'key_unknown' };

export async function revokeKey(ports: KeyPorts, caller: Caller, id: string): Promise<RevokeOutcome> {
  const known = await findKey(ports, caller, id);
  if (known === null) return { kind: 'key_unknown' };
  const row =
    known.revokedAtMs === null
      ? { ...known, version: known.version + 1, revokedAtMs: ports.clock.now() }
      : known;
  const missing = await joinEverywhere(ports, [row], { by: caller.id, why: 'revoke' });
  return { kind: 'revoked', row, missing };
}
