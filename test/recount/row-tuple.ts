/** A row as the documented tuple of COPY BINARY, which the ledger's digests are over; no encoder of the project. */
import type { ShardRow } from './shard.ts';

const epochMs = Date.UTC(2000, 0, 1);
const epochDay = epochMs / 86_400_000;
const fractionGroup = 4;

/** Field count, then each field behind its length; -1 is the length of null. */
export function tupleOf(row: ShardRow): Buffer {
  const fields = [
    Buffer.from(row.keyHash, 'hex'),
    Buffer.from(row.fingerprint, 'hex'),
    int64(row.offset),
    int32(row.index),
    Buffer.of(row.undated ? 1 : 0),
    int32(row.day - epochDay),
    int64((row.eventTimeMs - epochMs) * 1000),
    int64((row.createdAtMs - epochMs) * 1000),
    int16(row.shard),
    int16(row.partition),
    numeric(row.quantity),
    Buffer.from(row.organization),
    Buffer.from(row.metric),
    Buffer.from(row.dimensions),
    Buffer.from(row.key),
    row.properties === null ? null : Buffer.from(row.properties, 'hex'),
  ];
  const parts = fields.flatMap((field) => (field === null ? [int32(-1)] : [int32(field.length), field]));
  return Buffer.concat([int16(fields.length), ...parts]);
}

/** Postgres' binary numeric: digits of base 10,000, the weight of the first, sign, and digits behind the point. */
export function numeric(text: string): Buffer {
  const [, sign = '', whole = '', fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) ?? [];
  if (whole === '') throw new Error(`not a plain decimal: ${text}`);
  const units = BigInt(
    whole + fraction.padEnd(Math.ceil(fraction.length / fractionGroup) * fractionGroup, '0'),
  );
  const digits: number[] = [];
  for (let rest = units; rest > 0n; rest /= 10_000n) digits.unshift(Number(rest % 10_000n));
  const weight = digits.length === 0 ? 0 : digits.length - 1 - Math.ceil(fraction.length / fractionGroup);
  while (digits.at(-1) === 0) digits.pop();
  const negative = sign === '-' ? 0x4000 : 0;
  return Buffer.concat([digits.length, weight, negative, fraction.length, ...digits].map(int16));
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function int64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
}
