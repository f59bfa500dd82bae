/**
 * Receipts: the names of accepted events. A tenant shares its partition, so the place of its envelope would count
 * its neighbours' envelopes and events for it. Therefore a place is sealed, once for all events that a request
 * brought into an envelope; the receipt of one of them is `<sealed place>.<n>`, n counted from 0 in the request's order.
 *
 *   keys   HKDF-SHA256(RECEIPT_KEY, no salt, info = "odometer receipt 2", and the same with "nonce" and "organization"
 *          before the 2), 32 bytes
 *   plain  version 2 (1 byte), partition (2), offset (8), created_at of the envelope (6, milliseconds since 1970),
 *          organization (8), first index (2), count (2), big-endian
 *   organization  the first 8 bytes of HMAC-SHA256(organization key, organization); zeros where the events are of several
 *   nonce  the first 12 bytes of HMAC-SHA256(nonce key, plain)
 *   text   base64url(nonce || AES-256-GCM(key, nonce, plain) || 16-byte tag)
 *
 * An offset alone is no name: offsets are given out again where a log lost its tail, or its topic was made again. With
 * `created_at`, which the record and each counted row hold too, a lookup compares what it finds at the place.
 *
 * The nonce is made of what is sealed, so two places share a nonce only where two hashes of 96 bits are equal, and the
 * same place has the same receipt in every process.
 */
import { createCipheriv, createDecipheriv, createHmac, type KeyObject } from 'node:crypto';
import { derivedKey } from '../events/derived-key.ts';

/** The events that one request brought into one envelope. */
export interface ReceiptPlace {
  readonly partition: number;
  readonly offset: number;
  /** `created_at` of the envelope. */
  readonly createdAtMs: number;
  /** Null where the events are of several. */
  readonly organization: string | null;
  /** Index of the first of them in the envelope; the others follow. */
  readonly firstIndex: number;
  readonly count: number;
}

/** One event in the log. */
export interface EventPlace extends Pick<ReceiptPlace, 'partition' | 'offset' | 'createdAtMs'> {
  readonly index: number;
  /** What `Receipts.markOf` says of its organization; null where the receipt does not say. */
  readonly organizationMark: string | null;
}

const algorithm = 'aes-256-gcm';
const version = 2;
const plainBytes = 29;
const markBytes = 8;
const noMark = Buffer.alloc(markBytes);
const nonceBytes = 12;
const tagBytes = 16;
const sealedText = /^([\w-]+)\.(0|[1-9]\d{0,4})$/;

export class Receipts {
  readonly #key: KeyObject;
  readonly #nonceKey: KeyObject;
  readonly #organizationKey: KeyObject;

  constructor(receiptKey: Buffer) {
    const from = { secret: receiptKey, salt: Buffer.alloc(0) };
    this.#key = derivedKey({ ...from, info: 'odometer receipt 2' });
    this.#nonceKey = derivedKey({ ...from, info: 'odometer receipt nonce 2' });
    this.#organizationKey = derivedKey({ ...from, info: 'odometer receipt organization 2' });
  }

  /** The receipt of all events of a place. */
  seal(place: ReceiptPlace): string {
    const plain = toPlain(place, this.#markOf(place.organization));
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

  /** What the receipts of an organization hold of its name, as hex digits. */
  markOf(organization: string): string {
    return this.#markOf(organization).toString('hex');
  }

  #markOf(organization: string | null): Buffer {
    if (organization === null) return noMark;
    return createHmac('sha256', this.#organizationKey).update(organization).digest().subarray(0, markBytes);
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

function toPlain({ partition, offset, createdAtMs, firstIndex, count }: ReceiptPlace, mark: Buffer): Buffer {
  const plain = Buffer.alloc(plainBytes);
  plain.writeUInt8(version, 0);
  plain.writeUInt16BE(partition, 1);
  plain.writeBigUInt64BE(BigInt(offset), 3);
  plain.writeUIntBE(createdAtMs, 11, 6);
  mark.copy(plain, 17);
  plain.writeUInt16BE(firstIndex, 25);
  plain.writeUInt16BE(count, 27);
  return plain;
}

function fromPlain(plain: Buffer): Omit<EventPlace, 'index'> & Pick<ReceiptPlace, 'firstIndex' | 'count'> {
  const mark = plain.subarray(17, 17 + markBytes);
  return {
    partition: plain.readUInt16BE(1),
    offset: Number(plain.readBigUInt64BE(3)),
    createdAtMs: plain.readUIntBE(11, 6),
    organizationMark: mark.equals(noMark) ? null : mark.toString('hex'),
    firstIndex: plain.readUInt16BE(25),
    count: plain.readUInt16BE(27),
  };
}
