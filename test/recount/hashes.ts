/** Hashes recomputed from their documented preimages. */
import { hash } from 'node:crypto';
import type { LoggedEvent } from './envelope.ts';

export function sha256(bytes: Buffer | string): string {
  return hash('sha256', bytes, 'hex');
}

/** Length of the organization as two hex digits, organization, key; half of the digest. */
export function keyHashOf(event: LoggedEvent): string {
  const length = event.organization.length.toString(16).padStart(2, '0');
  return sha256(`${length}${event.organization}${event.key}`).slice(0, 32);
}

/** Undefined for an event with properties: their digest is keyed by ingest and not in the log. */
export function fingerprintOf(event: LoggedEvent): string | undefined {
  if (event.sealed !== null) return undefined;
  const time = event.undated ? null : event.eventTimeMs;
  const { organization, metric, quantity, key } = event;
  return sha256(JSON.stringify([organization, metric, quantity, key, time, null])).slice(0, 32);
}
