/**
 * One Kafka record: many events of one partition. All integers big-endian.
 *
 *   0  4  magic "ODOM"
 *   4  1  version (1)
 *   5  1  zero
 *   6  2  partition
 *   8  4  event count
 *  12  4  CRC-32 over bytes 0-11 and everything from byte 16
 *  16 16  producer id, random per ingest process
 *  32  8  sequence, per producer, over all partitions, from 0 without holes
 *  40  8  created_at, milliseconds since 1970: when ingest accepted these events
 *  48     body: UTF-8 JSON array of `[organization, metric, quantity, idempotency key, event time ms,
 *         undated 0|1, fingerprint hex, sealed properties base64 or null]`
 */
import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { invariant } from '../errors.ts';
import { noDimensions } from '../events/dimensions.ts';
import type { SealedEvent } from '../events/usage-event.ts';
import { envelopeBytesMax } from '../limits.ts';

export const envelopeVersion = 1;
const magic = 0x4f444f4d;
const headerBytes = 48;
const checkedFrom = 16;
const checkedHead = 12;

export interface EnvelopeHeader {
  readonly partition: number;
  /** 16 bytes. */
  readonly producerId: Buffer;
  readonly sequence: number;
  readonly createdAtMs: number;
}

export interface Envelope extends EnvelopeHeader {
  readonly events: readonly SealedEvent[];
}

/** Upper bound of an event's bytes inside an envelope, without encoding it. */
export function eventBytesBound(event: {
  readonly organization: string;
  readonly metric: string;
  readonly quantity: string;
  readonly idempotencyKey: string;
  readonly properties: string | null;
}): number {
  const propertiesBytes = event.properties === null ? 0 : event.properties.length * 4 + 32;
  const names = event.organization.length + event.metric.length + event.quantity.length;
  return 100 + names + event.idempotencyKey.length * 3 + propertiesBytes;
}

/** Bytes of events that one envelope may hold, by `eventBytesBound`. */
export const envelopeEventBytesMax = envelopeBytesMax - headerBytes;

/** The record's bytes. Throws `invariant_broken` above `envelopeBytesMax`. */
export function encodeEnvelope(header: EnvelopeHeader, events: readonly SealedEvent[]): Buffer {
  const body = JSON.stringify(events.map(toTuple));
  const bytes = Buffer.allocUnsafe(headerBytes + Buffer.byteLength(body));
  invariant(bytes.length <= envelopeBytesMax, 'an envelope is larger than envelopeBytesMax');
  bytes.writeUInt32BE(magic, 0);
  bytes.writeUInt8(envelopeVersion, 4);
  bytes.writeUInt8(0, 5);
  bytes.writeUInt16BE(header.partition, 6);
  bytes.writeUInt32BE(events.length, 8);
  header.producerId.copy(bytes, 16, 0, 16);
  bytes.writeBigUInt64BE(BigInt(header.sequence), 32);
  bytes.writeBigUInt64BE(BigInt(header.createdAtMs), 40);
  bytes.write(body, headerBytes, 'utf8');
  bytes.writeUInt32BE(checksum(bytes), 12);
  return bytes;
}

/**
 * `foreign`: not ours, or damaged on the way: quarantined. `unreadable`: our checksum over something that we
 * cannot read, a bug: the partition waits. `newer`: a version of newer code: the partition waits.
 */
export type DecodedEnvelope =
  | { readonly kind: 'envelope'; readonly envelope: Envelope }
  | { readonly kind: 'foreign'; readonly code: 'foreign_magic' | 'foreign_checksum' | 'foreign_partition' }
  | { readonly kind: 'newer'; readonly version: number }
  | { readonly kind: 'unreadable'; readonly reason: string };

/** Total: every byte string has an answer. `partition` is where the record was found. */
export function decodeEnvelope(bytes: Buffer, partition: number): DecodedEnvelope {
  if (bytes.length < headerBytes || bytes.readUInt32BE(0) !== magic) {
    return { kind: 'foreign', code: 'foreign_magic' };
  }
  if (bytes.readUInt32BE(12) !== checksum(bytes)) return { kind: 'foreign', code: 'foreign_checksum' };
  const version = bytes.readUInt8(4);
  if (version !== envelopeVersion) return { kind: 'newer', version };
  if (bytes.readUInt16BE(6) !== partition) return { kind: 'foreign', code: 'foreign_partition' };
  const events = decodeBody(bytes.toString('utf8', headerBytes));
  if (events === null) return { kind: 'unreadable', reason: 'the body is not a list of event tuples' };
  if (events.length !== bytes.readUInt32BE(8)) {
    return { kind: 'unreadable', reason: 'the header counts other events than the body holds' };
  }
  return {
    kind: 'envelope',
    envelope: {
      partition,
      producerId: bytes.subarray(16, 32),
      sequence: Number(bytes.readBigUInt64BE(32)),
      createdAtMs: Number(bytes.readBigUInt64BE(40)),
      events,
    },
  };
}

/** SHA-256 of a record's bytes, hex: what the progress row keeps of the last committed record (U7). */
export function recordHashOf(value: Buffer): string {
  return hash('sha256', value, 'hex');
}

function checksum(bytes: Buffer): number {
  return crc32(bytes.subarray(checkedFrom), crc32(bytes.subarray(0, checkedHead)));
}

function toTuple(event: SealedEvent): readonly unknown[] {
  return [
    event.organization,
    event.metric,
    event.quantity,
    event.idempotencyKey,
    event.eventTimeMs,
    event.undated ? 1 : 0,
    event.fingerprint,
    event.sealed,
  ];
}

function decodeBody(text: string): readonly SealedEvent[] | null {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return null;
  }
  if (!Array.isArray(body)) return null;
  const events: SealedEvent[] = [];
  const tuples: readonly unknown[] = body;
  for (const tuple of tuples) {
    const event = fromTuple(tuple);
    if (event === null) return null;
    events.push(event);
  }
  return events;
}

function fromTuple(tuple: unknown): SealedEvent | null {
  if (!Array.isArray(tuple) || tuple.length !== 8) return null;
  const fields: readonly unknown[] = tuple;
  const [organization, metric, quantity, idempotencyKey, eventTimeMs, undated, fingerprint, sealed] = fields;
  if (typeof organization !== 'string' || typeof metric !== 'string') return null;
  if (typeof quantity !== 'string' || typeof idempotencyKey !== 'string') return null;
  if (typeof eventTimeMs !== 'number' || !Number.isSafeInteger(eventTimeMs)) return null;
  if (undated !== 0 && undated !== 1) return null;
  if (typeof fingerprint !== 'string' || (sealed !== null && typeof sealed !== 'string')) return null;
  return {
    organization,
    metric,
    quantity,
    idempotencyKey,
    eventTimeMs,
    undated: undated === 1,
    fingerprint,
    sealed,
    dimensions: noDimensions,
  };
}
