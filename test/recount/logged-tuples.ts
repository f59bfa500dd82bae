/**
 * The body of a record of version 2, read by the documented layout: for each event the tuple of COPY BINARY that its row
 * will be, with an offset of zero. Sixteen fields, each behind its length; -1 is the length of null.
 */
import { isUtf8 } from 'node:buffer';
import type { LoggedEvent } from './logged-event.ts';
import { numeric } from './row-tuple.ts';

const fieldCount = 16;
const epochMs = Date.UTC(2000, 0, 1);
/** Version, producer id and nonce are before the ciphertext. */
const sealedFrom = 29;
/** What cannot be counted, whatever it was. */
const noQuantity = 'no quantity';

/** Undefined where the body is anything else. */
export function decodeTuples(bytes: Buffer, from: number): readonly LoggedEvent[] | undefined {
  const events: LoggedEvent[] = [];
  for (let at = from; at < bytes.length; ) {
    const tuple = fieldsAt(bytes, at);
    const event = tuple && eventOf(tuple.fields);
    if (tuple === undefined || event === undefined) return undefined;
    events.push(event);
    at = tuple.end;
  }
  return events;
}

type Field = Buffer | null;

function fieldsAt(
  bytes: Buffer,
  start: number,
): { readonly fields: readonly Field[]; readonly end: number } | undefined {
  if (start + 2 > bytes.length || bytes.readUInt16BE(start) !== fieldCount) return undefined;
  const fields: Field[] = [];
  let at = start + 2;
  while (fields.length < fieldCount) {
    if (at + 4 > bytes.length) return undefined;
    const length = bytes.readInt32BE(at);
    at += 4;
    if (length < -1 || at + length > bytes.length) return undefined;
    fields.push(length === -1 ? null : bytes.subarray(at, at + length));
    at += Math.max(0, length);
  }
  return { fields, end: at };
}

/** What follows from the record and the event is not taken from here: the recount computes it, and compares the rows. */
function eventOf(fields: readonly Field[]): LoggedEvent | undefined {
  const [, fingerprint, , , undated, , eventTime, , , , quantity, ...texts] = fields;
  const [organization, metric, dimensions, key] = texts.map(textOf);
  const properties = texts[4];
  const eventTimeMs = timeOf(eventTime);
  const amount = quantity === null || quantity === undefined ? undefined : decimalOf(quantity);
  if (organization === undefined || metric === undefined || dimensions === undefined) return undefined;
  if (key === undefined || eventTimeMs === undefined || amount === undefined || amount === null)
    return undefined;
  if (fingerprint?.length !== 16 || undated?.length !== 1 || properties === undefined) return undefined;
  return {
    ...{ organization, metric, dimensions, quantity: amount, key, eventTimeMs, undated: undated[0] === 1 },
    fingerprint: fingerprint.toString('hex'),
    sealed: properties === null ? null : properties.toString('base64', sealedFrom),
  };
}

/** Bytes that are no UTF-8 are a text that nothing can be counted by. */
function textOf(field: Field): string | undefined {
  if (field === null) return undefined;
  return isUtf8(field) ? field.toString('utf8') : '\ud800';
}

/** Whole milliseconds since 1970 of microseconds since 2000. */
function timeOf(field: Field | undefined): number | undefined {
  if (field?.length !== 8) return undefined;
  const microseconds = Number(field.readBigInt64BE());
  return microseconds % 1000 === 0 ? microseconds / 1000 + epochMs : undefined;
}

/**
 * Postgres' binary numeric as decimal text with as many digits behind the point as it says. What is written in another way
 * than the documented one is no quantity.
 */
function decimalOf(field: Buffer): string {
  if (field.length < 8) return noQuantity;
  const [count, weight, sign, scale] = [0, 2, 4, 6].map((at) => field.readInt16BE(at));
  if (count === undefined || weight === undefined || scale === undefined) return noQuantity;
  if (field.length !== 8 + 2 * count || scale < 0 || weight > 32 || weight < -32) return noQuantity;
  // As a count of the smallest unit that its groups have.
  let units = 0n;
  for (let at = 8; at < field.length; at += 2) {
    const digits = field.readUInt16BE(at);
    if (digits > 9999) return noQuantity;
    units = units * 10_000n + BigInt(digits);
  }
  const places = 4 * (count - 1 - weight);
  const digits = (places < 0 ? units * 10n ** BigInt(-places) : units)
    .toString()
    .padStart(Math.max(0, places) + 1, '0');
  const whole = digits.slice(0, digits.length - Math.max(0, places));
  const fraction = digits.slice(whole.length).padEnd(scale, '0').slice(0, scale);
  const text = `${sign === 0 ? '' : '-'}${whole}${fraction === '' ? '' : `.${fraction}`}`;
  return numeric(text).equals(field) ? text : noQuantity;
}
