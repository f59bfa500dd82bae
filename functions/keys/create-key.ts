/** The use case: a new API key for a caller's own rights or fewer. Its text is in the answer and nowhere else. */
import { hashApiKey, makeApiKey } from '../../shared/callers/api-key.ts';
import type { ApiKeyRow } from '../../shared/callers/api-key-row.ts';
import type { Caller, Scope } from '../../shared/callers/caller.ts';
import { dayMs } from '../../shared/limits.ts';
import { addEverywhere, type EverywhereOutcome } from './every-shard.ts';
import type { KeyPorts } from './key-ports.ts';
import { type Refusal, refusalFor } from './may-manage.ts';

export interface KeyRequest {
  readonly owner: string;
  readonly scopes: readonly Scope[];
  readonly organizations: ApiKeyRow['organizations'];
  readonly keysRequired: boolean;
  readonly expiresInDays?: number | undefined;
}

export type CreateOutcome =
  | {
      readonly kind: 'created';
      readonly text: string;
      readonly row: ApiKeyRow;
      readonly missing: readonly number[];
    }
  | Exclude<EverywhereOutcome, { kind: 'added' }>
  | Refusal;

export async function createKey(
  ports: KeyPorts,
  caller: Caller,
  request: KeyRequest,
): Promise<CreateOutcome> {
  const refused = refusalFor(caller, request);
  if (refused !== null) return refused;
  const { expiresInDays, ...granted } = request;
  const nowMs = ports.clock.now();
  const { text, row } = newKey(ports, {
    ...granted,
    createdBy: caller.id,
    createdAtMs: nowMs,
    expiresAtMs: expiresInDays === undefined ? null : nowMs + expiresInDays * dayMs,
  });
  const outcome = await addEverywhere(ports, row, { by: caller.id, why: 'create' });
  return outcome.kind === 'added' ? { kind: 'created', text, row, missing: outcome.missing } : outcome;
}

/** A key with these rights, which no shard has yet. */
export function newKey(
  { environment, random, hashSecret }: KeyPorts,
  rights: Omit<ApiKeyRow, 'id' | 'hash' | 'revokedAtMs' | 'version'>,
): { readonly text: string; readonly row: ApiKeyRow } {
  const { id, text } = makeApiKey(environment, random);
  return { text, row: { ...rights, id, hash: hashApiKey(text, hashSecret), revokedAtMs: null, version: 1 } };
}
