/** From a row of a file to events of a request. The server checks every field; here is what only a file needs. */
import { hash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { ClientEvent } from '../../client/bodies.ts';
import { bodyBytesMax } from '../../shared/limits.ts';
import { UserError } from '../processes/user-error.ts';
import type { Fields } from './fields.ts';
import { mapRow } from './map-row.ts';
import type { CompleteMapping } from './mapping.ts';
import { distinctMax, type Repetitions } from './repetitions.ts';
import { rowContent } from './row-content.ts';
import type { Problem, RowFields, RowReading } from './row-reading.ts';

/** Where an event comes from. */
interface Origin {
  /** From 1. */
  readonly line: number;
  /** Which one of those that its row became it is, from 0. */
  readonly part: number;
  /** Which of the mapping's events it is, from 0; null: the whole row. */
  readonly eventIndex: number | null;
  /** The row as it was read. */
  readonly raw: unknown;
}

export interface Row extends Origin {
  readonly kind: 'row';
  readonly event: ClientEvent;
  /** What the event takes in a request at most. */
  readonly bytes: number;
  /** Its key was made from its content. */
  readonly keyMade: boolean;
}

export interface RefusedRow extends Origin, Problem {
  readonly kind: 'refused';
  readonly field: string;
  /** The key that was made for it. */
  readonly key: string | null;
}

export interface SkippedRow {
  readonly kind: 'skipped';
  readonly line: number;
  readonly part: 0;
  readonly reason: string;
}

export type FileRow = Row | RefusedRow | SkippedRow;

export interface RowOptions {
  readonly organizationPrefix: string;
  /** Part of every key that is made, if given. */
  readonly source?: string | undefined;
}

export interface RowContext extends RowOptions {
  /** Null: rows are events as the API takes them. */
  readonly mapping: CompleteMapping | null;
  /** Of the same file. */
  readonly repetitions: Repetitions;
  readonly nowMs: number;
}

/** What a request holds beside its events. */
export const requestBytes = Buffer.byteLength('{"events":[]}');
const rowBytesMax = bodyBytesMax - requestBytes;
const tooLong = { code: 'too_long', field: '', message: `an event must have less than ${rowBytesMax} bytes` };
/** What the client adds to an event without timestamp, and a comma behind the event. */
const stampBytes = Buffer.byteLength(`"timestamp":"${new Date(0).toISOString()}",,`);
/** Many programs write a field that is not there as null. */
const optionalFields: ReadonlySet<string> = new Set([
  'idempotency_key',
  'timestamp',
  'dimensions',
  'properties',
]);

/** At least one of what a row can be. */
export function toRows(reading: RowReading, context: RowContext): readonly FileRow[] {
  const { line } = reading;
  if (reading.kind === 'problem') {
    const { code, message, raw } = reading;
    return [{ kind: 'refused', line, part: 0, eventIndex: null, raw, code, field: '', message, key: null }];
  }
  const { mapping } = context;
  return mapping === null ? [toOwnRow(reading, context)] : toMappedRows(reading, { ...context, mapping });
}

/** A row that is an event as the API takes it. */
function toOwnRow(reading: RowFields, context: RowContext): FileRow {
  const origin = { line: reading.line, part: 0, eventIndex: null, raw: reading.fields };
  const fields = presentFields(reading.fields);
  const key = 'idempotency_key' in fields ? null : keyOf(rowContent(fields), reading, context);
  return eventRow(origin, { ...fields, ...(key === null ? {} : { idempotency_key: key }) }, { key, context });
}

function toMappedRows(
  reading: RowFields,
  context: RowContext & { readonly mapping: CompleteMapping },
): readonly FileRow[] {
  const { line, fields: raw, rejected } = reading;
  const mapped = mapRow(raw, context.mapping, context.nowMs);
  const wanted = mapped.filter((one) => one.kind === 'skipped' || isWanted(one.event, rejected));
  if (wanted.length === 0)
    return [{ kind: 'skipped', line, part: 0, reason: 'it has no such event any more' }];
  return wanted.map((one, part): FileRow => {
    if (one.kind === 'skipped') return { kind: 'skipped', line, part: 0, reason: one.reason };
    const origin = { line, part, eventIndex: one.event, raw };
    if (one.kind === 'problem') {
      const { code, field, message } = one;
      return { kind: 'refused', ...origin, code, field, message, key: null };
    }
    const made = 'key' in one.identity ? null : keyOf(one.identity.content, reading, context);
    const key = 'key' in one.identity ? one.identity.key : made;
    return eventRow(origin, { ...one.fields, idempotency_key: key }, { key: made, context });
  });
}

/** Of a row of which one event was rejected, the others were accepted. */
function isWanted(event: number | null, rejected: RowFields['rejected']): boolean {
  return event === null || rejected === null || rejected.event === null || rejected.event === event;
}

function eventRow(
  origin: Origin,
  fields: Fields,
  { key, context }: { readonly key: string | null; readonly context: RowOptions },
): Row | RefusedRow {
  const { organization_id: organization } = fields;
  const prefixed =
    typeof organization === 'string' ? context.organizationPrefix + organization : organization;
  const event = 'organization_id' in fields ? { ...fields, organization_id: prefixed } : fields;
  const bytes = stampBytes + Buffer.byteLength(JSON.stringify(event));
  if (bytes > rowBytesMax) return { kind: 'refused', ...origin, ...tooLong, key };
  // A JSON object; its fields are the server's to check.
  return { kind: 'row', ...origin, event: event as unknown as ClientEvent, bytes, keyMade: key !== null };
}

/** Without what the server takes for absent. */
function presentFields(row: Fields): Fields {
  return Object.fromEntries(Object.entries(row).filter(([name, value]) => !saysNothing(name, value)));
}

function saysNothing(name: string, value: unknown): boolean {
  if (value === null) return optionalFields.has(name);
  return (name === 'properties' || name === 'dimensions') && isDeepStrictEqual(value, {});
}

/**
 * The key of a row without one: a hash of its content, and which row of this content it is in the file. So the keys
 * of a file are the same under another name, packed, downloaded again or sorted, and those of a part are among them.
 */
function keyOf(content: string, { rejected }: RowFields, { source, repetitions }: RowContext): string {
  const whole = source === undefined ? content : `${JSON.stringify(source)}${content}`;
  const digest = hash('sha256', whole, 'buffer');
  const start = `import:${digest.toString('hex', 0, 16)}:`;
  // A rejected row that is still the same keeps its number: rows like it may count already.
  const before = rejected?.key ?? '';
  if (before.startsWith(start)) return before;
  const repetition = repetitions.next(digest);
  if (repetition === null) {
    throw new UserError(
      `more than ${distinctMax} different rows have no idempotency_key, and no more are remembered: give them keys`,
    );
  }
  return `${start}${repetition}`;
}
