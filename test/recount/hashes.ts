/** Hashes recomputed from their documented preimages. */
import { hash } from 'node:crypto';
import type { LoggedEvent } from './logged-event.ts';

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
  const { organization, metric, dimensions, quantity, key } = event;
  const fields = JSON.stringify([organization, metric, quantity, key, null, null]);
  const labelled = dimensions === '' ? fields : `${fields.slice(0, -1)},${dimensions}]`;
  const content = sha256(labelled).slice(0, 32);
  return event.undated ? content : xorTime(content, event.eventTimeMs);
}

/** The last 48 bits XOR milliseconds since 1970. */
export function xorTime(fingerprint: string, timeMs: number): string {
  const combined = BigInt(`0x${fingerprint}`) ^ BigInt(timeMs);
  return combined.toString(16).padStart(32, '0');
}
