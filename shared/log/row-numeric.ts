/**
 * Canonical decimal text as Postgres' binary numeric, and back: how many digits of base 10,000, the weight of the first,
 * sign, digits behind the point in base 10, the digits; 16 bits each.
 */
import { quantityFractionDigitsMax, quantityIntegerDigitsMax } from '../limits.ts';

const negativeSign = 0x4000;
const headBytes = 8;
const groupDigits = 4;
const groupBase = 10_000;
/** Groups behind the first one of a number whose value a float holds exactly. */
const plainWeightMax = 2;
const weightMax = quantityIntegerDigitsMax / groupDigits - 1;

/** Most bytes that `writeNumeric` writes of a quantity, its length word among them. */
export const numericBytesMax =
  4 + headBytes + 2 * (weightMax + 1 + Math.ceil(quantityFractionDigitsMax / groupDigits));

/** Writes length and number at `lengthAt`; returns where it ends. */
export function writeNumeric(bytes: Buffer, text: string, lengthAt: number): number {
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
export function readNumeric(bytes: Buffer, start: number): string {
  const groups = bytes.readInt16BE(start);
  const weight = bytes.readInt16BE(start + 2);
  const sign = bytes.readUInt16BE(start + 4) === negativeSign ? '-' : '';
  const scale = bytes.readInt16BE(start + 6);
  if (scale === 0 && weight <= plainWeightMax) return sign + plainInteger(bytes, start, groups, weight);
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

// Same type: as in the head of the number.
function plainInteger(bytes: Buffer, start: number, groups: number, weight: number): string {
  let value = 0;
  for (let group = 0; group <= weight; group++) {
    value = value * groupBase + (group < groups ? bytes.readInt16BE(start + headBytes + 2 * group) : 0);
  }
  return value.toString();
}

/**
 * Whether these bytes are what `writeNumeric` writes of a quantity: nothing superfluous, so that equal quantities have
 * equal bytes and the digits behind the point are those of the canonical text. Total for any bytes.
 */
export function isCanonicalNumeric(bytes: Buffer, { start, end }: ByteRange): boolean {
  if (end - start < headBytes) return false;
  const groups = bytes.readInt16BE(start);
  const weight = bytes.readInt16BE(start + 2);
  const sign = bytes.readUInt16BE(start + 4);
  const scale = bytes.readInt16BE(start + 6);
  if (groups < 0 || end - start !== headBytes + 2 * groups) return false;
  if (groups === 0) return weight === 0 && sign === 0 && scale === 0;
  if (sign !== 0 && sign !== negativeSign) return false;
  if (weight > weightMax || scale < 0 || scale > quantityFractionDigitsMax) return false;
  for (let at = start + headBytes; at < end; at += 2) {
    const digits = bytes.readInt16BE(at);
    if (digits < 0 || digits >= groupBase) return false;
  }
  const last = bytes.readInt16BE(end - 2);
  if (bytes.readInt16BE(start + headBytes) === 0 || last === 0) return false;
  return scale === scaleOf(groups - 1 - weight, last);
}

/** A part of a buffer, from byte `start` up to, not with, byte `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Digits behind the point of a number whose last group is so many groups behind it. */
// Same type: a position and the digits at it.
function scaleOf(groupsBehindPoint: number, lastGroup: number): number {
  if (groupsBehindPoint <= 0) return 0;
  let zeros = 0;
  for (let rest = lastGroup; rest % 10 === 0; rest /= 10) zeros += 1;
  return groupsBehindPoint * groupDigits - zeros;
}
