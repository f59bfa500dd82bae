import { expect, it } from 'vitest';
import { createPropertiesDigest, PropertySealer } from '../../functions/ingest/seal-properties.ts';

const encryptionKey = Buffer.alloc(32, 5);
const producerId = Buffer.alloc(16, 6);
const place = { sequence: 2 ** 40, index: 3, organization: 'org_1', idempotencyKey: 'schlüssel' };
const text = '{"name":"日本","n":1.5}';

it('what was sealed opens at its place', () => {
  const sealer = new PropertySealer(encryptionKey, producerId);
  expect(sealer.open(place, sealer.seal(place, text))).toBe(text);
});

it.each([
  ['sequence', { ...place, sequence: 1 }],
  ['index', { ...place, index: 4 }],
  ['organization', { ...place, organization: 'org_2' }],
  ['key', { ...place, idempotencyKey: 'schlussel' }],
  // The same characters, cut elsewhere: the length in the associated data is another.
  ['border of organization and key', { ...place, organization: 'org_', idempotencyKey: '1schlüssel' }],
])('sealed properties do not open under another %s', (_what, other) => {
  const sealer = new PropertySealer(encryptionKey, producerId);
  const sealed = sealer.seal(place, text);
  expect(() => sealer.open(other, sealed)).toThrow();
});

it('sealed properties do not open under another producer id or another encryption key', () => {
  const sealed = new PropertySealer(encryptionKey, producerId).seal(place, text);
  expect(() => new PropertySealer(encryptionKey, Buffer.alloc(16, 7)).open(place, sealed)).toThrow();
  expect(() => new PropertySealer(Buffer.alloc(32, 8), producerId).open(place, sealed)).toThrow();
});

it('every changed bit of a sealed text is noticed', () => {
  const sealer = new PropertySealer(encryptionKey, producerId);
  const sealed = Buffer.from(sealer.seal(place, text), 'base64');
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const damaged = Buffer.from(sealed);
    damaged.writeUInt8(damaged.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    expect(() => sealer.open(place, damaged.toString('base64'))).toThrow();
  }
});

it('a sealed text reveals neither its plaintext nor the same plaintext elsewhere', () => {
  const sealer = new PropertySealer(encryptionKey, producerId);
  const sealed = sealer.seal(place, text);
  expect(Buffer.from(sealed, 'base64').includes('name')).toBe(false);
  expect(sealer.seal({ ...place, index: 4 }, text)).not.toBe(sealed);
});

it('the properties digest depends on the text and the encryption key only', () => {
  const digest = createPropertiesDigest(encryptionKey)(text);
  expect(digest).toMatch(/^[0-9a-f]{64}$/);
  expect(createPropertiesDigest(Buffer.from(encryptionKey))(text)).toBe(digest);
  expect(createPropertiesDigest(encryptionKey)(`${text} `)).not.toBe(digest);
  expect(createPropertiesDigest(Buffer.alloc(32, 9))(text)).not.toBe(digest);
});
