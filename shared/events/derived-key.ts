import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';

const keyBytes = 32;

/** A key for one purpose, which `info` names: HKDF-SHA256 of the encryption key, 32 bytes. */
export function derivedKey(from: {
  readonly encryptionKey: Buffer;
  readonly salt: Buffer;
  readonly info: string;
}): KeyObject {
  const { encryptionKey, salt, info } = from;
  return createSecretKey(Buffer.from(hkdfSync('sha256', encryptionKey, salt, info, keyBytes)));
}
