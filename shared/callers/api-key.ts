/**
 * The text of an API key: `odo_<environment>_<id>_<secret><checksum>`. The id names the key and is no secret. The checksum
 * is CRC-32 over everything before it: a scanner for leaked secrets finds keys and nothing else by it, and a text that is
 * not whole is refused before anybody looks for it.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** The installation that a key is for. */
export const keyEnvironments = ['local', 'staging', 'production'] as const;
export type KeyEnvironment = (typeof keyEnvironments)[number];

export interface ApiKeyText {
  readonly environment: KeyEnvironment;
  readonly id: string;
}

/** 36^16 > 2^80, and 62^43 > 2^256: each text holds its bytes. */
const idBytes = 10;
const idChars = 16;
const secretBytes = 32;
const secretChars = 43;
const checksumChars = 6;
const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

const keyPattern = new RegExp(
  `^odo_(${keyEnvironments.join('|')})_([0-9a-z]{${idChars}})_[0-9A-Za-z]{${secretChars}}([0-9A-Za-z]{${checksumChars}})$`,
);

/** Whether a credential is meant as an API key: no token begins like this. */
export function isApiKey(credential: string): boolean {
  return credential.startsWith('odo_');
}

/** Where a well-formed key says that it belongs; null where it is not whole. */
export function readApiKey(text: string): ApiKeyText | null {
  const [, environment, id = '', checksum] = keyPattern.exec(text) ?? [];
  const known = keyEnvironments.find((name) => name === environment);
  if (known === undefined || checksum !== checksumOf(text.slice(0, -checksumChars))) return null;
  return { environment: known, id };
}

/** A new key of random bytes. */
export function makeApiKey(
  environment: KeyEnvironment,
  random: (bytes: number) => Buffer,
): { readonly id: string; readonly text: string } {
  const id = numberOf(random(idBytes)).toString(36).padStart(idChars, '0');
  const secret = base62({ value: numberOf(random(secretBytes)), chars: secretChars });
  const text = `odo_${environment}_${id}_${secret}`;
  return { id, text: `${text}${checksumOf(text)}` };
}

/** What is stored of a key: who reads the database can neither use a key nor make one. */
export function hashApiKey(text: string, hashSecret: Buffer): Buffer {
  return createHmac('sha256', hashSecret).update(text).digest();
}

/** Takes the same time wherever the two differ. */
export function isSameHash(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

function checksumOf(text: string): string {
  return base62({ value: BigInt(crc32(text)), chars: checksumChars });
}

function numberOf(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString('hex')}`);
}

function base62({ value, chars }: { readonly value: bigint; readonly chars: number }): string {
  let text = '';
  for (let rest = value; text.length < chars; rest /= 62n) text = `${digits[Number(rest % 62n)]}${text}`;
  return text;
}
