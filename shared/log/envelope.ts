/**
 * One Kafka record: many events of one partition. All integers big-endian.
 *
 *   0  4  magic "ODOM"
 *   4  1  version (1 or 2)
 *   5  1  zero
 *   6  2  partition
 *   8  4  event count
 *  12  4  CRC-32 over bytes 0-11 and everything from byte 16
 *  16 16  producer id, random per ingest process
 *  32  8  sequence, per producer, over all partitions, from 0 without holes
 *  40  8  created_at, milliseconds since 1970: when ingest accepted these events
 *  48     body of version 1: JSON (`envelope-json.ts`); of version 2: tuples (`envelope-tuples.ts`)
 *
 * Both versions are read. Which one ingest writes is a setting, so that every reader knows a version before the first
 * record of it is written.
 */
import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { invariant } from '../errors.ts';
import { sealedHeadBytes } from '../events/sealed-properties.ts';
import type { SealedEvent } from '../events/usage-event.ts';
import { envelopeBytesMax } from '../limits.ts';
import type { EnvelopeHeader } from './envelope-header.ts';
import { decodeJson, encodeJson } from './envelope-json.ts';
import { decodeTuples, type EventTuples, encodeTuples, eventsOfTuples } from './envelope-tuples.ts';
import { tupleOverheadBytesMax } from './row-tuple.ts';

export const envelopeVersions = [1, 2] as const;
export type EnvelopeVersion = (typeof envelopeVersions)[number];

const magic = 0x4f444f4d;
const headerBytes = 48;
const checkedFrom = 16;
const checkedHead = 12;

/** Version 1 holds events, version 2 their tuples. */
export type Envelope = EnvelopeHeader &
  (
    | { readonly version: 1; readonly events: readonly SealedEvent[] }
    | { readonly version: 2; readonly tuples: EventTuples }
  );

/** Upper bound of an event's bytes inside an envelope of either version, without encoding it. */
export function eventBytesBound(event: {
  readonly organization: string;
  readonly metric: string;
  readonly idempotencyKey: string;
  readonly dimensions: string;
  readonly properties: string | null;
}): number {
  const { properties } = event;
  // Base64 of three bytes a code unit, or the bytes themselves behind their head, and the tag.
  const propertiesBytes = properties === null ? 0 : properties.length * 4 + sealedHeadBytes + 32;
  return textBytesBound(event) + propertiesBytes;
}

/** The same without properties. */
function textBytesBound(
  event: Pick<SealedEvent, 'organization' | 'metric' | 'idempotencyKey' | 'dimensions'>,
): number {
  const { organization, metric, idempotencyKey, dimensions } = event;
  const names = organization.length + metric.length;
  return tupleOverheadBytesMax + names + (idempotencyKey.length + dimensions.length) * 3;
}

/** Bytes of events that one envelope may hold, by `eventBytesBound`. */
export const envelopeEventBytesMax = envelopeBytesMax - headerBytes;

/** The record's bytes. Throws `invariant_broken` above `envelopeBytesMax`, and for dimensions in version 1. */
export function encodeEnvelope(
  { version, ...header }: EnvelopeHeader & { readonly version: EnvelopeVersion },
  events: readonly SealedEvent[],
): Buffer {
  const bytes = version === 1 ? withJson(events) : withTuples(header, events);
  invariant(bytes.length <= envelopeBytesMax, 'an envelope is larger than envelopeBytesMax');
  bytes.writeUInt32BE(magic, 0);
  bytes.writeUInt8(version, 4);
  bytes.writeUInt8(0, 5);
  bytes.writeUInt16BE(header.partition, 6);
  bytes.writeUInt32BE(events.length, 8);
  header.producerId.copy(bytes, 16, 0, 16);
  bytes.writeBigUInt64BE(BigInt(header.sequence), 32);
  bytes.writeBigUInt64BE(BigInt(header.createdAtMs), 40);
  bytes.writeUInt32BE(checksum(bytes), 12);
  return bytes;
}

function withJson(events: readonly SealedEvent[]): Buffer {
  const body = encodeJson(events);
  const bytes = Buffer.allocUnsafe(headerBytes + Buffer.byteLength(body));
  bytes.write(body, headerBytes, 'utf8');
  return bytes;
}

function withTuples(header: EnvelopeHeader, events: readonly SealedEvent[]): Buffer {
  let capacityBytes = headerBytes;
  for (const event of events)
    capacityBytes += textBytesBound(event) + (event.sealed?.length ?? 0) + sealedHeadBytes;
  return encodeTuples(header, events, { headBytes: headerBytes, capacityBytes });
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

/**
 * Total: every byte string has an answer. `partition` is where the record was found. `known`: the versions that this code
 * reads, which only a test of an upgrade narrows.
 */
export function decodeEnvelope(
  bytes: Buffer,
  partition: number,
  known: readonly number[] = envelopeVersions,
): DecodedEnvelope {
  if (bytes.length < headerBytes || bytes.readUInt32BE(0) !== magic) {
    return { kind: 'foreign', code: 'foreign_magic' };
  }
  if (bytes.readUInt32BE(12) !== checksum(bytes)) return { kind: 'foreign', code: 'foreign_checksum' };
  const version = bytes.readUInt8(4);
  if (!known.includes(version)) return { kind: 'newer', version };
  if (bytes.readUInt16BE(6) !== partition) return { kind: 'foreign', code: 'foreign_partition' };
  const header = {
    partition,
    producerId: bytes.subarray(16, 32),
    sequence: Number(bytes.readBigUInt64BE(32)),
    createdAtMs: Number(bytes.readBigUInt64BE(40)),
  };
  const body = bytes.subarray(headerBytes);
  return version === 1
    ? decodedJson(body, header, bytes.readUInt32BE(8))
    : decodedTuples(body, header, bytes.readUInt32BE(8));
}

function decodedJson(body: Buffer, header: EnvelopeHeader, count: number): DecodedEnvelope {
  const events = decodeJson(body.toString('utf8'));
  if (events === null) return { kind: 'unreadable', reason: 'the body is not a list of event tuples' };
  if (events.length !== count) {
    return { kind: 'unreadable', reason: 'the header counts other events than the body holds' };
  }
  return { kind: 'envelope', envelope: { ...header, version: 1, events } };
}

function decodedTuples(body: Buffer, header: EnvelopeHeader, count: number): DecodedEnvelope {
  const tuples = decodeTuples(body, header, count);
  if (typeof tuples === 'string') return { kind: 'unreadable', reason: tuples };
  return { kind: 'envelope', envelope: { ...header, version: 2, tuples } };
}

/** The events of an envelope of either version. */
export function eventsOf(envelope: Envelope): readonly SealedEvent[] {
  return envelope.version === 1 ? envelope.events : eventsOfTuples(envelope.tuples);
}

/** SHA-256 of a record's bytes, hex: what the progress row keeps of the last committed record (U7). */
export function recordHashOf(value: Buffer): string {
  return hash('sha256', value, 'hex');
}

function checksum(bytes: Buffer): number {
  return crc32(bytes.subarray(checkedFrom), crc32(bytes.subarray(0, checkedHead)));
}
