/**
 * Sealed properties: AES-256-GCM under a key of this process, so that plaintext never leaves ingest.
 *
 *   key    HKDF-SHA256(ENCRYPTION_KEY, salt = producer id, info = "odometer properties 1"), 32 bytes
 *   nonce  envelope sequence (8 bytes, big-endian), index in the envelope (4 bytes, big-endian)
 *   AAD    `identityText` of the event, in UTF-8
 *   sealed base64(ciphertext || 16-byte tag)
 *
 * A nonce is used once: an envelope is sealed once, and a failed append is not repeated under its sequence. To open a
 * text, one needs the producer id and the sequence, which are in the envelope's header.
 */
import { createCipheriv, createDecipheriv, createHmac, type KeyObject } from 'node:crypto';
import { derivedKey } from '../../shared/events/derived-key.ts';
import { identityText } from '../../shared/events/identity.ts';
import { sealingNonce } from '../../shared/events/sealed-properties.ts';
import type { EventContent, PropertiesText } from '../../shared/events/usage-event.ts';

const algorithm = 'aes-256-gcm';
const tagBytes = 16;
const sealInfo = 'odometer properties 1';
const digestInfo = 'odometer properties digest 1';

/** What a sealed text is bound to: it opens for no other event and at no other position. */
export interface SealBinding extends Pick<EventContent, 'organization' | 'idempotencyKey'> {
  readonly sequence: number;
  readonly index: number;
}

/** Seals properties for one producer id. */
export class PropertySealer {
  readonly #key: KeyObject;

  constructor(encryptionKey: Buffer, producerId: Buffer) {
    this.#key = derivedKey({ secret: encryptionKey, salt: producerId, info: sealInfo });
  }

  seal(binding: SealBinding, properties: PropertiesText): string {
    const cipher = createCipheriv(algorithm, this.#key, sealingNonce(binding.sequence, binding.index));
    cipher.setAAD(Buffer.from(identityText(binding), 'utf8'));
    const ciphertext = Buffer.concat([cipher.update(properties, 'utf8'), cipher.final()]);
    return Buffer.concat([ciphertext, cipher.getAuthTag()]).toString('base64');
  }

  /** Throws where the text was changed or belongs to another event or position. */
  open(binding: SealBinding, sealed: string): PropertiesText {
    const bytes = Buffer.from(sealed, 'base64');
    const decipher = createDecipheriv(algorithm, this.#key, sealingNonce(binding.sequence, binding.index), {
      authTagLength: tagBytes,
    });
    decipher.setAAD(Buffer.from(identityText(binding), 'utf8'));
    decipher.setAuthTag(bytes.subarray(-tagBytes));
    return decipher.update(bytes.subarray(0, -tagBytes), undefined, 'utf8') + decipher.final('utf8');
  }
}

/** HMAC-SHA256 of canonical properties, hex: the same in every process, so that a retry is recognised. */
export function createPropertiesDigest(encryptionKey: Buffer): (properties: PropertiesText) => string {
  const key = derivedKey({ secret: encryptionKey, salt: Buffer.alloc(0), info: digestInfo });
  return (properties) => createHmac('sha256', key).update(properties, 'utf8').digest('hex');
}
