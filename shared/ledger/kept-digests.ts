/**
 * What a ledger row says of what its commit kept aside (U12): of quarantined records, and of conflicts. Each digest is
 * SHA-256 over lines, each ended by a newline, in the order of offset and index; null where there is none.
 *
 *   quarantine  offset, index, code, SHA-256 of the bytes
 *   conflicts   offset, index, organization, key hash, day, fingerprint, then day, offset, index and fingerprint of the
 *               event that counts
 *
 * Numbers are decimal, days `YYYY-MM-DD`, hashes lower-case hex. The time at which a row was written is in none.
 */
import { createHash } from 'node:crypto';
import { formatDay } from '../events/calendar.ts';
import type { Refusal } from '../segments/segment.ts';
import type { Conflict } from './load.ts';

export interface KeptDigests {
  readonly quarantineDigest: string | null;
  readonly conflictsDigest: string | null;
}

/** Of a commit, or a decision, that kept nothing aside. */
export const nothingKept: KeptDigests = { quarantineDigest: null, conflictsDigest: null };

export function digestOfQuarantine(refusals: readonly Refusal[]): string | null {
  return digestOf(refusals, ({ offset, index, code, bytes }) => {
    const hash = createHash('sha256').update(Buffer.from(bytes, 'base64')).digest('hex');
    return [offset, index, code, hash];
  });
}

export function digestOfConflicts(conflicts: readonly Conflict[]): string | null {
  return digestOf(conflicts, (one) => [
    ...[one.offset, one.index, one.organization, one.keyHash, formatDay(one.day), one.fingerprint],
    ...[formatDay(one.firstDay), one.firstOffset, one.firstIndex, one.firstFingerprint],
  ]);
}

function digestOf<T extends { readonly offset: number; readonly index: number }>(
  kept: readonly T[],
  linesOf: (one: T) => readonly (string | number)[],
): string | null {
  if (kept.length === 0) return null;
  const digest = createHash('sha256');
  const sorted = kept.toSorted((a, b) => a.offset - b.offset || a.index - b.index);
  for (const one of sorted) for (const line of linesOf(one)) digest.update(`${line}\n`);
  return digest.digest('hex');
}
