/**
 * Receipts: the names of accepted events. A tenant shares its partition, so the place of its envelope would count
 * its neighbours' envelopes and events for it. Therefore a place is sealed, once for all events that a request
 * brought into an envelope; the receipt of one of them is `<sealed place>.<n>`, n counted from 0 in the request's order.
 *
 *   keys   HKDF-SHA256(ENCRYPTION_KEY, no salt, info = "odometer receipt 1" and "odometer receipt nonce 1"), 32 bytes
 *   plain  version 1 (1 byte), generation (4), partition (2), offset (8), first index (2), count (2), big-endian
 *   nonce  the first 12 bytes of HMAC-SHA256(nonce key, plain)
 *   text   base64url(nonce || AES-256-GCM(key, nonce, plain) || 16-byte tag)
 *
 * The nonce is made of what is sealed, and a place is given out once: so two places share a nonce only where two
 * hashes of 96 bits are equal, and the same place has the same receipt in every process.
 */
import { createCipheriv, createDecipheriv, createHmac, type KeyObject } from 'node:crypto';
import { derivedKey } from '../events/derived-key.ts';

/** The events that one request brought into one envelope. */
export interface ReceiptPlace {
  readonly generation: number;
  readonly partition: number;
  readonly offset: number;
  /** Index of the first of them in the envelope; the others follow. */
  readonly firstIndex: number;
  readonly count: number;
}

/** One event in the log. */
export interface EventPlace extends Pick<ReceiptPlace, 'generation' | 'partition' | 'offset'> {
  readonly index: number;
}

const algorithm = 'aes-256-gcm';
const version = 1;
const plainBytes = 19;
const nonceBytes = 12;
const tagBytes = 16;
const sealedText = /^([\w-]+)\.(0|[1-9]\d{0,4})$/;

export class Receipts {
  readonly #key: KeyObject;
  readonly #nonceKey: KeyObject;

  constructor(encryptionKey: Buffer) {
    const salt = Buffer.alloc(0);
    this.#key = derivedKey({ encryptionKey, salt, info: 'odometer receipt 1' });
    this.#nonceKey = derivedKey({ encryptionKey, salt, info: 'odometer receipt nonce 1' });
  }

  /** The receipt of all events of a place. */
  seal(place: ReceiptPlace): string {
    const plain = toPlain(place);
    const nonce = this.#nonceOf(plain);
    const cipher = createCipheriv(algorithm, this.#key, nonce);
    return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]).toString(
      'base64url',
    );
  }

  /** The place of the event that a receipt `<sealed place>.<n>` names; null for any text that we did not give out. */
  openReceipt(text: string): EventPlace | null {
    const [, sealed = '', n = ''] = sealedText.exec(text) ?? [];
    const bytes = Buffer.from(sealed, 'base64url');
    // Bits that base64url leaves over must not make two names of one.
    if (bytes.length !== nonceBytes + plainBytes + tagBytes || bytes.toString('base64url') !== sealed)
      return null;
    const plain = this.#open(bytes);
    if (plain === null || plain.readUInt8(0) !== version) return null;
    const { firstIndex, count, ...envelope } = fromPlain(plain);
    return Number(n) < count ? { ...envelope, index: firstIndex + Number(n) } : null;
  }

  #nonceOf(plain: Buffer): Buffer {
    return createHmac('sha256', this.#nonceKey).update(plain).digest().subarray(0, nonceBytes);
  }

  #open(bytes: Buffer): Buffer | null {
    const decipher = createDecipheriv(algorithm, this.#key, bytes.subarray(0, nonceBytes), {
      authTagLength: tagBytes,
    });
    decipher.setAuthTag(bytes.subarray(-tagBytes));
    try {
      return Buffer.concat([decipher.update(bytes.subarray(nonceBytes, -tagBytes)), decipher.final()]);
    } catch {
      // Node says nothing more than that the tag is another one.
      return null;
    }
  }
}

function toPlain({ generation, partition, offset, firstIndex, count }: ReceiptPlace): Buffer {
  const plain = Buffer.alloc(plainBytes);
  plain.writeUInt8(version, 0);
  plain.writeUInt32BE(generation, 1);
  plain.writeUInt16BE(partition, 5);
  plain.writeBigUInt64BE(BigInt(offset), 7);
  plain.writeUInt16BE(firstIndex, 15);
  plain.writeUInt16BE(count, 17);
  return plain;
}

function fromPlain(plain: Buffer): ReceiptPlace {
  return {
    generation: plain.readUInt32BE(1),
    partition: plain.readUInt16BE(5),
    offset: Number(plain.readBigUInt64BE(7)),
    firstIndex: plain.readUInt16BE(15),
    count: plain.readUInt16BE(17),
  };
}
