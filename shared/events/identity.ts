/** What makes two events the same event (U2), and what makes a retry a conflict. */
import { hash } from 'node:crypto';
import type { EventContent } from './usage-event.ts';

const digestHexChars = 32;

/**
 * An event's identity but for its day, as one text: the length of the organization as two hex digits, the
 * organization, the idempotency key. The length says where the organization ends, so no two identities share a text.
 */
export function identityText(event: Pick<EventContent, 'organization' | 'idempotencyKey'>): string {
  const { organization, idempotencyKey } = event;
  return organization.length.toString(16).padStart(2, '0') + organization + idempotencyKey;
}

/**
 * 16-byte key hash as 32 hex digits: SHA-256 over the identity text in UTF-8, cut to its first half. The event day
 * is beside it in the unique index, not in it. Two texts, in the order in which the identity names them.
 */
// Same type: an organization holds its keys; golden hashes fail for any other order.
export function keyHash(organization: string, idempotencyKey: string): string {
  return hash('sha256', identityText({ organization, idempotencyKey }), 'hex').slice(0, digestHexChars);
}

/**
 * 16-byte fingerprint of an event's canonical plaintext as 32 hex digits: SHA-256 over the JSON array
 * `[organization, metric, quantity, key, null, properties digest or null]`, with the canonical dimensions as one more
 * member where the event has any, cut to its first half; of a dated event combined with its time by `combineTime`. An undated event's stamp is not part of it: a retry gets another stamp. Who
 * repeats the stamp as a timestamp sends a dated event, and from its fingerprint and time follows the undated one.
 */
export function fingerprintOf(
  event: EventContent & {
    /** HMAC of the canonical properties under a key of ingest, hex; null without properties. */
    readonly propertiesDigest: string | null;
  },
): string {
  const {
    organization,
    metric,
    quantity,
    idempotencyKey,
    eventTimeMs,
    undated,
    propertiesDigest,
    dimensions,
  } = event;
  // By hand, because JSON.stringify of the array costs as much as the hash. Only the key can need an escape:
  // names, decimals and hex digests are made of characters that JSON writes as they are.
  const digest = propertiesDigest === null ? 'null' : `"${propertiesDigest}"`;
  const key = JSON.stringify(idempotencyKey);
  const labels = dimensions === '' ? '' : `,${dimensions}`;
  const preimage = `["${organization}","${metric}","${quantity}",${key},null,${digest}${labels}]`;
  const content = hash('sha256', preimage, 'hex').slice(0, digestHexChars);
  return undated ? content : combineTime(content, eventTimeMs);
}

const timeHexChars = 6;
const timeHalf = 2 ** (4 * timeHexChars);

/** The fingerprint with its last 48 bits combined with milliseconds since 1970 by exclusive or; done twice it is undone. */
export function combineTime(fingerprint: string, timeMs: number): string {
  const at = digestHexChars - 2 * timeHexChars;
  const high = Number.parseInt(fingerprint.slice(at, at + timeHexChars), 16) ^ Math.floor(timeMs / timeHalf);
  const low = Number.parseInt(fingerprint.slice(at + timeHexChars), 16) ^ (timeMs % timeHalf);
  return fingerprint.slice(0, at) + toHex(high) + toHex(low);
}

function toHex(half: number): string {
  return half.toString(16).padStart(timeHexChars, '0');
}

/** Whether a duplicate repeats the event that counts: the same content, and a time that one of them may have been given. */
export function repeats(duplicate: Fingerprinted, first: Fingerprinted): boolean {
  if (duplicate.fingerprint === first.fingerprint) return true;
  const { eventTimeMs } = duplicate;
  if (duplicate.undated === first.undated || eventTimeMs !== first.eventTimeMs) return false;
  return combineTime(duplicate.fingerprint, eventTimeMs) === first.fingerprint;
}

interface Fingerprinted {
  readonly fingerprint: string;
  readonly eventTimeMs: number;
  readonly undated: boolean;
}
