/**
 * A usage event as one tuple of COPY BINARY into `usage_events`, built once so that the flusher only concatenates.
 * Columns in this order, fixed widths first so that a row can be read by position, and what names a total side by side:
 *
 *   key_hash uuid, fingerprint uuid, offset int8, index int4, undated bool, event_day date,
 *   event_time timestamptz, created_at timestamptz, shard_id int2, partition int2,
 *   quantity numeric, organization_id text, metric_name text, dimensions text, idempotency_key text, properties bytea
 */
import { dayMs } from '../limits.ts';
import { type ByteRange, numericBytesMax, readNumeric, writeNumeric } from './row-numeric.ts';

/** The column list of the COPY statement, in the order of the tuple. */
export const copyColumns =
  'key_hash, fingerprint, "offset", index, undated, event_day, event_time, created_at, shard_id, partition, ' +
  'quantity, organization_id, metric_name, dimensions, idempotency_key, properties';

const fieldCount = 16;
const variableFields = 6;
const postgresEpochMs = Date.UTC(2000, 0, 1);
const postgresEpochDay = postgresEpochMs / dayMs;
const keyHashAt = 6;
const fingerprintAt = 26;
const offsetAt = 46;
const indexAt = 58;
const undatedAt = 66;
const dayAt = 71;
const eventTimeAt = 79;
const createdAtAt = 91;
const shardAt = 103;
const partitionAt = 109;
const variableAt = 111;
const uuidBytes = 16;
/** Where the length of each field of fixed width is, and what it says. */
const fixedLengths = [
  ...[keyHashAt, fingerprintAt].map((at) => [at - 4, uuidBytes] as const),
  ...[offsetAt, eventTimeAt, createdAtAt].map((at) => [at - 4, 8] as const),
  ...[indexAt, dayAt].map((at) => [at - 4, 4] as const),
  ...[shardAt, partitionAt].map((at) => [at - 4, 2] as const),
  [undatedAt - 4, 1] as const,
];

/** What decides whether a row counts (U2), and its position in the log. */
export interface KeyedRow {
  /** 32 hex digits, as the fingerprint. */
  readonly keyHash: string;
  readonly fingerprint: string;
  readonly offset: number;
  readonly index: number;
  readonly undated: boolean;
  readonly eventTimeMs: number;
  /** Days since 1970-01-01. */
  readonly day: number;
}

export interface CopyRow extends KeyedRow {
  readonly createdAtMs: number;
  readonly shard: number;
  readonly partition: number;
  readonly quantity: string;
  readonly organization: string;
  readonly metric: string;
  /** Canonical text; see `dimensions.ts`. */
  readonly dimensions: string;
  readonly idempotencyKey: string;
  readonly properties: Buffer | null;
}

/** What a tuple takes at most beside its texts and its properties. */
export const tupleOverheadBytesMax = variableAt + numericBytesMax + 5 * 4;

/** A growing buffer of tuples, behind as many bytes as the caller needs for a head. */
export class CopyRows {
  #bytes: Buffer;
  #length: number;
  count = 0;

  constructor({ headBytes, capacityBytes } = { headBytes: 0, capacityBytes: 16 * 1024 }) {
    this.#bytes = Buffer.allocUnsafe(capacityBytes);
    this.#length = headBytes;
  }

  append(row: CopyRow): void {
    const texts =
      row.organization.length + row.metric.length + row.dimensions.length + row.idempotencyKey.length;
    this.#reserve(tupleOverheadBytesMax + 3 * texts + (row.properties?.length ?? 0));
    const bytes = this.#bytes;
    let at = bytes.writeInt16BE(fieldCount, this.#length);
    at = writeHex(bytes, row.keyHash, at);
    at = writeHex(bytes, row.fingerprint, at);
    at = writeInt8(bytes, row.offset, at);
    at = bytes.writeInt32BE(row.index, bytes.writeInt32BE(4, at));
    at = bytes.writeUInt8(row.undated ? 1 : 0, bytes.writeInt32BE(1, at));
    at = bytes.writeInt32BE(row.day - postgresEpochDay, bytes.writeInt32BE(4, at));
    at = writeInt8(bytes, (row.eventTimeMs - postgresEpochMs) * 1000, at);
    at = writeInt8(bytes, (row.createdAtMs - postgresEpochMs) * 1000, at);
    at = bytes.writeInt16BE(row.shard, bytes.writeInt32BE(2, at));
    at = bytes.writeInt16BE(row.partition, bytes.writeInt32BE(2, at));
    at = writeNumeric(bytes, row.quantity, at);
    at = writeText(bytes, row.organization, at);
    at = writeText(bytes, row.metric, at);
    at = writeText(bytes, row.dimensions, at);
    at = writeText(bytes, row.idempotencyKey, at);
    at = writeBytes(bytes, row.properties, at);
    this.#length = at;
    this.count += 1;
  }

  /** Copies tuples that follow each other, and gives all of them one offset. `starts`: where each begins in `bytes`. */
  appendTuples(bytes: Buffer, { starts, end }: TupleRun, offset: number): void {
    const from = starts[0];
    if (from === undefined) return;
    this.#reserve(end - from);
    bytes.copy(this.#bytes, this.#length, from, end);
    const high = Math.floor(offset / 0x1_0000_0000);
    const low = offset - high * 0x1_0000_0000;
    for (const start of starts) {
      const at = this.#length + start - from + offsetAt;
      this.#bytes.writeInt32BE(high, at);
      this.#bytes.writeUInt32BE(low, at + 4);
    }
    this.#length += end - from;
    this.count += starts.length;
  }

  /** Head and tuples so far; valid until the next append. */
  toBuffer(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(added: number): void {
    const need = this.#length + added;
    if (need <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(need, 2 * this.#bytes.length));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}

/** Tuples that follow each other: where each begins, and where the last one ends. */
export interface TupleRun {
  readonly starts: readonly number[];
  readonly end: number;
}

/** One tuple inside a buffer of many: from byte `at` up to, not with, byte `end`. */
export interface CopyTuple extends KeyedRow {
  readonly bytes: Buffer;
  readonly at: number;
  readonly end: number;
}

/** All tuples of a buffer that `CopyRows` made, in its order. */
export function readCopyTuples(bytes: Buffer): readonly CopyTuple[] {
  const tuples: CopyTuple[] = [];
  for (let at = 0; at < bytes.length; ) {
    let end = at + variableAt;
    for (let field = 0; field < variableFields; field++) end += 4 + Math.max(0, bytes.readInt32BE(end));
    tuples.push({ bytes, at, end, ...keyedRowAt(bytes, at) });
    at = end;
  }
  return tuples;
}

/** What decides over the tuple at `at`. */
export function keyedRowAt(bytes: Buffer, at: number): KeyedRow {
  return {
    keyHash: hexAt(bytes, at + keyHashAt),
    fingerprint: hexAt(bytes, at + fingerprintAt),
    ...numbersAt(bytes, at),
  };
}

/** What the tuple at `at` says in numbers. */
export function numbersAt(bytes: Buffer, at: number): Omit<KeyedRow, 'keyHash' | 'fingerprint'> {
  return {
    offset: int8At(bytes, at + offsetAt),
    index: bytes.readInt32BE(at + indexAt),
    undated: bytes.readUInt8(at + undatedAt) === 1,
    day: bytes.readInt32BE(at + dayAt) + postgresEpochDay,
    eventTimeMs: eventTimeOf(bytes, at),
  };
}

/** Which envelope the tuple at `at` is of. */
export function originAt(bytes: Buffer, at: number): Pick<CopyRow, 'createdAtMs' | 'shard' | 'partition'> {
  return {
    createdAtMs: int8At(bytes, at + createdAtAt) / 1000 + postgresEpochMs,
    shard: bytes.readInt16BE(at + shardAt),
    partition: bytes.readInt16BE(at + partitionAt),
  };
}

/** Where the tuple at `at` ends, if it has the fields of a row and ends within the bytes; else null. Total. */
export function tupleEnd(bytes: Buffer, at: number): number | null {
  let end = at + variableAt;
  if (end > bytes.length || bytes.readInt16BE(at) !== fieldCount || bytes.readUInt8(at + undatedAt) > 1)
    return null;
  for (const [lengthAt, length] of fixedLengths) {
    if (bytes.readInt32BE(at + lengthAt) !== length) return null;
  }
  for (let field = 1; field <= variableFields; field++) {
    if (end + 4 > bytes.length) return null;
    const length = bytes.readInt32BE(end);
    // Only properties, which come last, may be null.
    if (length < (field === variableFields ? -1 : 0)) return null;
    end += 4 + Math.max(0, length);
  }
  return end > bytes.length ? null : end;
}

/** What the rollups need of the tuple at `at`. */
export function readRowUsage(bytes: Buffer, at: number) {
  const { quantity, organization, metric, dimensions } = tupleFields(bytes, at);
  return {
    organization: textAt(bytes, organization),
    metric: textAt(bytes, metric),
    dimensions: textAt(bytes, dimensions),
    quantity: readNumeric(bytes, quantity.start),
    eventTimeMs: eventTimeOf(bytes, at),
  };
}

/** The texts of the tuple at `at`, and whether it has properties. */
// Same type: as for `readRowUsage`.
export function readRowText(bytes: Buffer, at: number) {
  const { organization, metric, quantity, dimensions } = readRowUsage(bytes, at);
  const { idempotencyKey: key } = tupleFields(bytes, at);
  const idempotencyKey = bytes.toString('utf8', key.start, key.end);
  const sealed = bytes.readInt32BE(key.end) >= 0;
  return { organization, metric, quantity, dimensions, idempotencyKey, sealed };
}

/** Where the fields of a tuple are whose widths vary; one that is null has no bytes. */
export interface TupleFields {
  readonly quantity: ByteRange;
  readonly organization: ByteRange;
  readonly metric: ByteRange;
  readonly dimensions: ByteRange;
  readonly idempotencyKey: ByteRange;
  readonly properties: ByteRange;
}

export function tupleFields(bytes: Buffer, at: number): TupleFields {
  const quantity = fieldAt(bytes, at + variableAt);
  const organization = fieldAt(bytes, quantity.end);
  const metric = fieldAt(bytes, organization.end);
  const dimensions = fieldAt(bytes, metric.end);
  const idempotencyKey = fieldAt(bytes, dimensions.end);
  const properties = fieldAt(bytes, idempotencyKey.end);
  return { quantity, organization, metric, dimensions, idempotencyKey, properties };
}

function textAt(bytes: Buffer, { start, end }: ByteRange): string {
  return bytes.toString('utf8', start, end);
}

function eventTimeOf(bytes: Buffer, at: number): number {
  return int8At(bytes, at + eventTimeAt) / 1000 + postgresEpochMs;
}

/** A safe integer, without the cost of a BigInt; what is no safe integer is none of the numbers that a row holds. */
function int8At(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4);
}

function fieldAt(bytes: Buffer, lengthAt: number): ByteRange {
  const start = lengthAt + 4;
  return { start, end: start + Math.max(0, bytes.readInt32BE(lengthAt)) };
}

function hexAt(bytes: Buffer, at: number): string {
  return bytes.toString('hex', at, at + uuidBytes);
}

function writeHex(bytes: Buffer, hex: string, at: number): number {
  bytes.writeInt32BE(uuidBytes, at);
  bytes.write(hex, at + 4, uuidBytes, 'hex');
  return at + 4 + uuidBytes;
}

/** A safe integer as int8, without the cost of a BigInt. */
// Same type: an object for the two numbers would cost one a column.
function writeInt8(bytes: Buffer, value: number, at: number): number {
  const high = Math.floor(value / 0x1_0000_0000);
  bytes.writeInt32BE(8, at);
  bytes.writeInt32BE(high, at + 4);
  bytes.writeUInt32BE(value - high * 0x1_0000_0000, at + 8);
  return at + 12;
}

function writeText(bytes: Buffer, text: string, at: number): number {
  const length = bytes.write(text, at + 4, 'utf8');
  bytes.writeInt32BE(length, at);
  return at + 4 + length;
}

function writeBytes(bytes: Buffer, value: Buffer | null, at: number): number {
  if (value === null) return bytes.writeInt32BE(-1, at);
  bytes.writeInt32BE(value.length, at);
  value.copy(bytes, at + 4);
  return at + 4 + value.length;
}
