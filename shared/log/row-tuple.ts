/**
 * A usage event as one tuple of COPY BINARY into `usage_events`, built once so that the flusher only concatenates.
 * Columns in this order, fixed widths first so that a row can be read by position, and what names a total side by side:
 *
 *   key_hash uuid, fingerprint uuid, offset int8, index int4, undated bool, event_day date,
 *   event_time timestamptz, created_at timestamptz, shard_id int2, partition int2,
 *   quantity numeric, organization_id text, metric_name text, dimensions text, idempotency_key text, properties bytea
 */
import { dayMs } from '../limits.ts';

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
const variableAt = 111;
const uuidBytes = 16;
const negativeSign = 0x4000;

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

/** A growing buffer of tuples. */
export class CopyRows {
  #bytes = Buffer.allocUnsafe(16 * 1024);
  #length = 0;
  count = 0;

  append(row: CopyRow): void {
    this.#reserve(row);
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

  /** The tuples so far; valid until the next append. */
  toBuffer(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(row: CopyRow): void {
    const texts =
      row.organization.length + row.metric.length + row.dimensions.length + row.idempotencyKey.length;
    const need = this.#length + 256 + 3 * texts + row.quantity.length + (row.properties?.length ?? 0);
    if (need <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(need, 2 * this.#bytes.length));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
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
    tuples.push({
      bytes,
      at,
      end,
      keyHash: hexAt(bytes, at + keyHashAt),
      fingerprint: hexAt(bytes, at + fingerprintAt),
      offset: Number(bytes.readBigInt64BE(at + offsetAt)),
      index: bytes.readInt32BE(at + indexAt),
      undated: bytes.readUInt8(at + undatedAt) === 1,
      day: bytes.readInt32BE(at + dayAt) + postgresEpochDay,
      eventTimeMs: eventTimeOf(bytes, at),
    });
    at = end;
  }
  return tuples;
}

/** What the rollups need of the tuple at `at`. */
export function readRowUsage(bytes: Buffer, at: number) {
  const quantity = fieldAt(bytes, at + variableAt);
  const organization = fieldAt(bytes, quantity.end);
  const metric = fieldAt(bytes, organization.end);
  const dimensions = fieldAt(bytes, metric.end);
  return {
    organization: bytes.toString('utf8', organization.start, organization.end),
    metric: bytes.toString('utf8', metric.start, metric.end),
    dimensions: bytes.toString('utf8', dimensions.start, dimensions.end),
    quantity: readNumeric(bytes, quantity.start),
    eventTimeMs: eventTimeOf(bytes, at),
  };
}

function eventTimeOf(bytes: Buffer, at: number): number {
  return Number(bytes.readBigInt64BE(at + eventTimeAt)) / 1000 + postgresEpochMs;
}

function fieldAt(bytes: Buffer, lengthAt: number): { readonly start: number; readonly end: number } {
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

/** Canonical decimal text as Postgres' binary numeric: base-10000 digits, weight, sign, display scale. */
function writeNumeric(bytes: Buffer, text: string, lengthAt: number): number {
  const negative = text.startsWith('-');
  const point = text.indexOf('.');
  const integer = text.slice(negative ? 1 : 0, point < 0 ? text.length : point);
  const fraction = point < 0 ? '' : text.slice(point + 1);
  const integerGroups = Math.ceil(integer.length / 4);
  const digits =
    integer.padStart(integerGroups * 4, '0') + fraction.padEnd(Math.ceil(fraction.length / 4) * 4, '0');
  let first = 0;
  let last = digits.length / 4;
  while (first < last && isZeroGroup(digits, first)) first++;
  while (last > first && isZeroGroup(digits, last - 1)) last--;
  const start = lengthAt + 4;
  bytes.writeInt16BE(last - first, start);
  bytes.writeInt16BE(last === first ? 0 : integerGroups - 1 - first, start + 2);
  bytes.writeUInt16BE(negative ? negativeSign : 0, start + 4);
  bytes.writeInt16BE(fraction.length, start + 6);
  let at = start + 8;
  for (let group = first; group < last; group++) {
    at = bytes.writeInt16BE(Number(digits.slice(group * 4, group * 4 + 4)), at);
  }
  bytes.writeInt32BE(at - start, lengthAt);
  return at;
}

function isZeroGroup(digits: string, group: number): boolean {
  return digits.startsWith('0000', group * 4);
}

/** The inverse of `writeNumeric`: canonical decimal text. */
function readNumeric(bytes: Buffer, start: number): string {
  const groups = bytes.readInt16BE(start);
  const weight = bytes.readInt16BE(start + 2);
  const sign = bytes.readUInt16BE(start + 4) === negativeSign ? '-' : '';
  const scale = bytes.readInt16BE(start + 6);
  const groupText = (power: number) => {
    const group = weight - power;
    if (group < 0 || group >= groups) return '0000';
    return bytes
      .readInt16BE(start + 8 + 2 * group)
      .toString()
      .padStart(4, '0');
  };
  let integer = '';
  for (let power = weight; power >= 0; power--) integer += groupText(power);
  let fraction = '';
  for (let power = -1; fraction.length < scale; power--) fraction += groupText(power);
  const whole = integer.replace(/^0+/, '') || '0';
  return scale === 0 ? sign + whole : `${sign}${whole}.${fraction.slice(0, scale)}`;
}
