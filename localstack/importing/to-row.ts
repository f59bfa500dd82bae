/** From a line of the file to an event of a request. The server checks every field; here is what only a file needs. */
import { hash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { ClientEvent } from '../../client/bodies.ts';
import { decodeUtf8 } from '../../shared/events/utf8.ts';
import { bodyBytesMax } from '../../shared/limits.ts';
import { UserError } from '../processes/user-error.ts';
import { nestsDeeper, parseKeepingDigits } from './parse-row.ts';
import { distinctMax, type Repetitions } from './repetitions.ts';
import { rowContent } from './row-content.ts';

export interface Row {
  readonly kind: 'row';
  /** From 1. */
  readonly line: number;
  readonly event: ClientEvent;
  /** What the event takes in a request at most. */
  readonly bytes: number;
  /** Its key was made from its content. */
  readonly keyMade: boolean;
}

export interface RefusedRow {
  readonly kind: 'refused';
  readonly line: number;
  readonly code: string;
  readonly message: string;
}

export interface RowOptions {
  readonly organizationPrefix: string;
  /** Part of every key that is made, if given. */
  readonly source?: string | undefined;
}

/** What a request holds beside its events. */
export const requestBytes = Buffer.byteLength('{"events":[]}');
const rowBytesMax = bodyBytesMax - requestBytes;
const tooLong = { code: 'too_long', message: `a line must have less than ${rowBytesMax} bytes` };
const latin1 = 'one in Latin-1 (Windows-1252) is converted by iconv -f WINDOWS-1252 -t UTF-8';
const notUtf8 = { code: 'invalid_utf8', message: `the file must be UTF-8; ${latin1}` };
const notJson = { code: 'invalid_json', message: 'the file must hold one JSON object a line' };
const notObject = { code: 'wrong_type', message: 'an event must be a JSON object' };
const nestedDeeply = { code: 'wrong_type', message: 'properties must be an object of scalars' };
/** What the client adds to an event without timestamp, and a comma behind the event. */
const stampBytes = Buffer.byteLength(`"timestamp":"${new Date(0).toISOString()}",,`);
/** Properties are scalars, so an event nests twice; writing one that nests without end would fail the request. */
const levelsMax = 16;
/** Many programs write a field that is not there as null. */
const optionalFields: ReadonlySet<string> = new Set(['idempotency_key', 'timestamp', 'properties']);

/** The row of a line; null for an empty line. `repetitions` is of the same file. */
export function toRow(
  line: number,
  bytes: Buffer,
  repetitions: Repetitions,
  options: RowOptions,
): Row | RefusedRow | null {
  const read = readLine(bytes);
  if (read === null) return null;
  if (!('fields' in read)) return { kind: 'refused', line, ...read };
  const { fields } = read;
  const key = 'idempotency_key' in fields ? null : keyOf(fields, repetitions, options.source);
  const { organization_id: organization } = fields;
  const event = {
    ...fields,
    ...(typeof organization === 'string'
      ? { organization_id: options.organizationPrefix + organization }
      : {}),
    ...(key === null ? {} : { idempotency_key: key }),
  };
  // JSON is never written longer than it was read: only what is added counts on top of the line.
  const added =
    stampBytes + Buffer.byteLength(JSON.stringify([options.organizationPrefix, { idempotency_key: key }]));
  const size = bytes.length + added;
  if (size > rowBytesMax) return { kind: 'refused', line, ...tooLong };
  // A JSON object; its fields are the server's to check.
  return { kind: 'row', line, event: event as unknown as ClientEvent, bytes: size, keyMade: key !== null };
}

type Fields = Readonly<Record<string, unknown>>;
type LineProblem = Pick<RefusedRow, 'code' | 'message'>;

/** The fields of the event that a line holds, or why it holds none; null for an empty line. */
function readLine(bytes: Buffer): { readonly fields: Fields } | LineProblem | null {
  if (bytes.length > rowBytesMax) return tooLong;
  const text = decodeUtf8(bytes);
  if (text === null) return notUtf8;
  if (text.trim() === '') return null;
  const value = parsed(text);
  if (value === undefined) return notJson;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return notObject;
  return nestsDeeper(value, levelsMax) ? nestedDeeply : { fields: presentFields(value) };
}

function parsed(text: string): unknown {
  try {
    return parseKeepingDigits(text);
  } catch {
    return undefined;
  }
}

/** Without what the server takes for absent. */
function presentFields(row: object): Fields {
  const entries: [string, unknown][] = Object.entries(row);
  return Object.fromEntries(entries.filter(([name, value]) => !saysNothing(name, value)));
}

function saysNothing(name: string, value: unknown): boolean {
  if (value === null) return optionalFields.has(name);
  return name === 'properties' && isDeepStrictEqual(value, {});
}

/**
 * The key of a row without one: a hash of its content, and which row of this content it is in the file. So the keys
 * of a file are the same under another name, packed, downloaded again or sorted, and those of a part are among them.
 */
function keyOf(fields: Fields, repetitions: Repetitions, source: string | undefined): string {
  const content = rowContent(fields);
  const digest = hash(
    'sha256',
    source === undefined ? content : `${JSON.stringify(source)}${content}`,
    'buffer',
  );
  const repetition = repetitions.next(digest);
  if (repetition === null) {
    throw new UserError(
      `more than ${distinctMax} different rows have no idempotency_key, and no more are remembered: give them keys`,
    );
  }
  return `import:${digest.toString('hex', 0, 16)}:${repetition}`;
}
