/**
 * Layout of the column `usage_events.properties`: all that is needed to open it, besides ENCRYPTION_KEY.
 *
 *   0  1  version (1)
 *   1 16  producer id: salt of the key derivation
 *  17 12  nonce: envelope sequence (8 bytes), index in the envelope (4 bytes)
 *  29     AES-256-GCM ciphertext and its 16-byte tag
 */
const sealedVersion = 1;
const producerIdBytes = 16;
const nonceBytes = 12;
/** What is before the ciphertext. */
export const sealedHeadBytes = 1 + producerIdBytes + nonceBytes;

/** The sealing nonce of an event: unique per producer, because a sequence is never used twice. */
// Same type: the order in the envelope; golden bytes fail for any other.
export function sealingNonce(sequence: number, index: number): Buffer {
  const nonce = Buffer.alloc(nonceBytes);
  nonce.writeBigUInt64BE(BigInt(sequence), 0);
  nonce.writeUInt32BE(index, 8);
  return nonce;
}

/** The column's bytes from what the envelope carries. */
// Same type: as for `sealingNonce`.
export function propertiesColumn(
  producerId: Buffer,
  sequence: number,
  index: number,
  sealed: string,
): Buffer {
  const parts = [
    Buffer.of(sealedVersion),
    producerId,
    sealingNonce(sequence, index),
    Buffer.from(sealed, 'base64'),
  ];
  return Buffer.concat(parts);
}

/** What the envelope carried of a column, base64. */
export function sealedOf(column: Buffer): string {
  return column.toString('base64', sealedHeadBytes);
}
