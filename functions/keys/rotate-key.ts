/** The use case: another key of the same owner and rights, and an early end for the one that it replaces. */
import { type ApiKeyRow, isLive } from '../../shared/callers/api-key-row.ts';
import type { Caller } from '../../shared/callers/caller.ts';
import { dayMs } from '../../shared/limits.ts';
import { type CreateOutcome, newKey } from './create-key.ts';
import { addEverywhere, joinEverywhere, withdraw } from './every-shard.ts';
import { findKey } from './find-key.ts';
import type { KeyPorts } from './key-ports.ts';
import { refusalFor } from './may-manage.ts';

export interface RotateRequest {
  readonly id: string;
  /** How long the replaced key goes on. */
  readonly graceHours: number;
  /** By default it is of use for as long as the replaced one was. */
  readonly expiresInDays?: number | undefined;
}

export type RotateOutcome =
  | Exclude<CreateOutcome, { kind: 'created' }>
  | (Extract<CreateOutcome, { kind: 'created' }> & { readonly replaced: ApiKeyRow })
  | { readonly kind: 'key_unknown' | 'key_not_live' };

const hourMs = 60 * 60_000;

export async function rotateKey(
  ports: KeyPorts,
  caller: Caller,
  { id, graceHours, expiresInDays }: RotateRequest,
): Promise<RotateOutcome> {
  const old = await findKey(ports, caller, id);
  if (old === null) return { kind: 'key_unknown' };
  const refused = refusalFor(caller, old);
  if (refused !== null) return refused;
  const nowMs = ports.clock.now();
  if (!isLive(old, nowMs)) return { kind: 'key_not_live' };
  const lifeMs = old.expiresAtMs === null ? null : old.expiresAtMs - old.createdAtMs;
  const asked = expiresInDays === undefined ? lifeMs : expiresInDays * dayMs;
  const { owner, scopes, organizations, keysRequired } = old;
  const { text, row } = newKey(ports, {
    ...{ owner, scopes, organizations, keysRequired },
    createdBy: caller.id,
    createdAtMs: nowMs,
    expiresAtMs: asked === null ? null : nowMs + asked,
  });
  const decision = { by: caller.id, why: 'rotate' };
  const outcome = await addEverywhere(ports, row, decision);
  if (outcome.kind !== 'added') return outcome;
  // Second, because an end that is written cannot be taken back: where the new key cannot be made, the old one goes on.
  const replaced = endedIn(old, { nowMs, graceMs: graceHours * hourMs });
  try {
    const missing = await joinEverywhere(ports, [replaced], decision);
    return {
      kind: 'created',
      ...{ text, row, replaced },
      missing: [...new Set([...outcome.missing, ...missing])].toSorted(),
    };
  } catch (error) {
    await withdraw(ports, row);
    throw error;
  }
}

function endedIn(
  row: ApiKeyRow,
  { nowMs, graceMs }: { readonly nowMs: number; readonly graceMs: number },
): ApiKeyRow {
  const version = row.version + 1;
  if (graceMs === 0) return { ...row, version, revokedAtMs: nowMs };
  return { ...row, version, expiresAtMs: Math.min(row.expiresAtMs ?? Infinity, nowMs + graceMs) };
}
