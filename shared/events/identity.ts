/** What makes two events the same event (U2), and what makes a retry a conflict. */
import { hash } from 'node:crypto';

const digestHexChars = 32;

/**
 * 16-byte key hash as 32 hex digits: SHA-256 over the length of the organization as two hex digits, the
 * organization, the idempotency key as UTF-8, cut to its first half. The length makes the preimage
 * unambiguous; the event day is beside it in the unique index, not in it.
 */
// Same type: an organization holds its keys; golden hashes fail for any other order.
export function keyHash(organization: string, idempotencyKey: string): string {
  const length = organization.length.toString(16).padStart(2, '0');
  return hash('sha256', `${length}${organization}${idempotencyKey}`, 'hex').slice(0, digestHexChars);
}

/**
 * 16-byte fingerprint of an event's canonical plaintext as 32 hex digits: SHA-256 over the JSON array
 * `[organization, metric, quantity, key, event time in ms or null when undated, properties digest or null]`,
 * cut to its first half. An undated event's stamp is not part of it: a retry gets another stamp.
 */
export function fingerprintOf(event: {
  readonly organization: string;
  readonly metric: string;
  readonly quantity: string;
  readonly idempotencyKey: string;
  readonly eventTimeMs: number;
  readonly undated: boolean;
  /** HMAC of the canonical properties under a key of ingest, hex; null without properties. */
  readonly propertiesDigest: string | null;
}): string {
  const { organization, metric, quantity, idempotencyKey, eventTimeMs, undated, propertiesDigest } = event;
  // By hand, because JSON.stringify of the array costs as much as the hash. Only the key can need an escape:
  // names, decimals and hex digests are made of characters that JSON writes as they are.
  const time = undated ? 'null' : eventTimeMs;
  const digest = propertiesDigest === null ? 'null' : `"${propertiesDigest}"`;
  const key = JSON.stringify(idempotencyKey);
  const preimage = `["${organization}","${metric}","${quantity}",${key},${time},${digest}]`;
  return hash('sha256', preimage, 'hex').slice(0, digestHexChars);
}
