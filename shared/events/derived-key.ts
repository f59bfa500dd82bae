import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';

const keyBytes = 32;

/** A key for one purpose, which `info` names: HKDF-SHA256 of a secret key, 32 bytes. */
export function derivedKey(from: {
  readonly secret: Buffer;
  readonly salt: Buffer;
  readonly info: string;
}): KeyObject {
  const { secret, salt, info } = from;
  return createSecretKey(Buffer.from(hkdfSync('sha256', secret, salt, info, keyBytes)));
}
