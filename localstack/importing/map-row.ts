/** From a row of a file to the events that a mapping makes of it. */
import { hash } from 'node:crypto';
import { parseTimestamp } from '../../shared/events/calendar.ts';
import { idempotencyKeyBytesMax } from '../../shared/limits.ts';
import { columnValue, type Fields, scalarText } from './fields.ts';
import {
  alternatives,
  type Columns,
  type CompleteMapping,
  type Condition,
  constantOf,
  isJoined,
  type MetricSource,
} from './mapping.ts';
import { rowContent } from './row-content.ts';
import type { Problem } from './row-reading.ts';
import { factorOf, scaledQuantity, timestampOf } from './units.ts';

/** The members of an event but for its key, and of what that is made. */
interface MappedEvent {
  readonly kind: 'event';
  /** Which of the mapping's events it is, from 0. */
  readonly event: number;
  readonly fields: Fields;
  /** The key itself, or the content of which it is made. */
  readonly identity: { readonly key: string } | { readonly content: string };
}

interface SkippedReading {
  readonly kind: 'skipped';
  readonly reason: string;
}

interface EventProblem extends Problem {
  readonly kind: 'problem';
  /** Null: of the whole row. */
  readonly event: number | null;
  readonly field: string;
}

type Mapped = MappedEvent | SkippedReading | EventProblem;

/** At least one of what a row can be; `nowMs` is when its period must have ended. */
export function mapRow(row: Fields, mapping: CompleteMapping, nowMs: number): readonly Mapped[] {
  const fields = withoutAbsent(row, mapping.absent ?? []);
  const skipped = mapping.skip?.find((condition) => isMeant(fields, condition));
  if (skipped !== undefined) return [{ kind: 'skipped', reason: skipped.reason }];
  if (isOpen(fields, mapping, nowMs)) {
    return [{ kind: 'skipped', reason: 'its period has not ended, so that it may still change' }];
  }
  const problem = problemOf(fields, mapping);
  if (problem !== null) return [{ kind: 'problem', event: null, ...problem }];
  const events = mapping.events.flatMap((_, index) => mapEvent(fields, mapping, index) ?? []);
  return events.length > 0 ? events : [{ kind: 'skipped', reason: 'it has none of the quantities' }];
}

function withoutAbsent(row: Fields, absent: readonly string[]): Fields {
  if (absent.length === 0) return row;
  const entries: [string, unknown][] = Object.entries(row);
  return Object.fromEntries(entries.filter(([, value]) => !absent.includes(scalarText(value) ?? '')));
}

type FieldProblem = Problem & { readonly field: string };

/** Why no event can be made of the row: what all its events have in common is refused, or is not there. */
function problemOf(fields: Fields, mapping: CompleteMapping): FieldProblem | null {
  const refused = mapping.refuse?.find((condition) => isMeant(fields, condition));
  if (refused !== undefined) return { code: 'refused', field: refused.column, message: refused.reason };
  const { organization, time = [] } = mapping;
  if (textOf(fields, organization) === null) return missing(fields, 'organization_id', organization);
  if (mapping.timeRequired && textOf(fields, time) === null) return missing(fields, 'timestamp', time);
  if (mapping.keyRequired && keyValues(fields, mapping).every((value) => value === null)) {
    return missing(fields, 'idempotency_key', keyColumns(mapping).flat());
  }
  return null;
}

/** Null where the row has no such event. */
function mapEvent(fields: Fields, mapping: CompleteMapping, index: number): Mapped | null {
  const rule = mapping.events[index];
  if (rule === undefined || (rule.when !== undefined && !isMeant(fields, rule.when))) return null;
  const quantity = textOf(fields, rule.quantity);
  if (quantity === null) {
    if (mapping.events.length > 1) return null;
    return { kind: 'problem', event: index, ...missing(fields, 'quantity', rule.quantity) };
  }
  const metric = metricOf(fields, rule.metric);
  if (metric === null) {
    const source = isJoined(rule.metric) ? rule.metric.join.flat() : rule.metric;
    return { kind: 'problem', event: index, ...missing(fields, 'metric_name', source) };
  }
  const factor = rule.unit === undefined ? undefined : (factorOf(rule.unit) ?? undefined);
  return {
    kind: 'event',
    event: index,
    identity: identityOf(fields, mapping, metric),
    fields: {
      organization_id: textOf(fields, mapping.organization),
      metric_name: metric,
      quantity: scaledQuantity(quantity, { factor, fractionDigits: rule.fraction_digits }),
      ...timeOf(fields, mapping),
      ...dimensionsOf(fields, mapping.dimensions ?? {}),
      ...propertiesOf(fields, mapping.properties ?? []),
    },
  };
}

function timeOf(fields: Fields, mapping: CompleteMapping): { readonly timestamp?: string } {
  const time = textOf(fields, mapping.time ?? []);
  if (time === null) return {};
  return { timestamp: timestampOf(time, { unit: mapping.time_unit, zone: mapping.time_zone }) };
}

// Same type: a field of the API, whose names no list of columns has.
function missing(fields: Fields, field: string, source: Columns): FieldProblem {
  const wanted = alternatives(source).join(', ');
  const message = `the row has nothing in ${wanted}; it has ${columnNames(Object.keys(fields))}`;
  return { code: 'missing_field', field, message };
}

const namesShownMax = 40;

export function columnNames(names: readonly string[]): string {
  const more = names.length > namesShownMax ? ', ...' : '';
  return names.slice(0, namesShownMax).join(', ') + more;
}

/** The text of the first column with a value, or of a constant; null where there is none. A list is no text. */
function textOf(fields: Fields, source: Columns): string | null {
  for (const name of alternatives(source)) {
    const text = constantOf(name) ?? scalarText(columnValue(fields, name));
    if (text !== null) return text;
  }
  return null;
}

const notInNames = /[^A-Za-z0-9._:@+/~=-]/g;

function metricOf(fields: Fields, metric: MetricSource): string | null {
  if (!isJoined(metric)) return textOf(fields, metric);
  const parts = metric.join.flatMap((source) => textOf(fields, source) ?? []);
  // Units and products have free names. The key holds them as they are, so no two rows become one by this.
  return parts.length === 0 ? null : parts.join(metric.by).replace(notInNames, '_');
}

function isMeant(fields: Fields, { column, is, not }: Condition): boolean {
  const text = scalarText(columnValue(fields, column)) ?? '';
  return (is === undefined || is.includes(text)) && (not === undefined || !not.includes(text));
}

function isOpen(fields: Fields, mapping: CompleteMapping, nowMs: number): boolean {
  const end = textOf(fields, mapping.period_end ?? []);
  if (end === null) return false;
  const endMs = parseTimestamp(timestampOf(end, { unit: mapping.time_unit, zone: mapping.time_zone }));
  return endMs !== null && endMs > nowMs;
}

function keyColumns({ key = [] }: CompleteMapping): readonly Columns[] {
  return isJoined(key) ? key.join : alternatives(key);
}

function keyValues(fields: Fields, mapping: CompleteMapping): readonly (string | null)[] {
  return keyColumns(mapping).map((columns) => textOf(fields, columns));
}

/** A row with nothing in the columns of the key has a key made of all that it has. */
function identityOf(fields: Fields, mapping: CompleteMapping, metric: string): MappedEvent['identity'] {
  const values = keyValues(fields, mapping);
  const several = mapping.events.length > 1;
  if (values.every((value) => value === null)) {
    return { content: rowContent(fields) + (several ? JSON.stringify(metric) : '') };
  }
  const ofEvent = several ? [...values, metric] : values;
  if (mapping.key_repeats === true) return { content: JSON.stringify(ofEvent) };
  const key = keyText(ofEvent, mapping);
  return { key: Buffer.byteLength(key) <= idempotencyKeyBytesMax ? key : `import:${hash('sha256', key)}` };
}

/** A list in JSON, so that no two lists of values are one text, unless the mapping puts them together. */
function keyText(values: readonly (string | null)[], { key = [] }: CompleteMapping): string {
  if (isJoined(key)) return values.join(key.by);
  const [only] = values;
  return values.length === 1 && typeof only === 'string' ? only : JSON.stringify(values);
}

function dimensionsOf(
  fields: Fields,
  columns: NonNullable<CompleteMapping['dimensions']>,
): { readonly dimensions?: Fields } {
  const entries = Object.entries(columns).flatMap(([name, source]): [string, string][] => {
    const text = textOf(fields, source);
    return text === null ? [] : [[name, text]];
  });
  return entries.length === 0 ? {} : { dimensions: Object.fromEntries(entries) };
}

/** Labels and other texts of the row that no total is kept apart by. */
function propertiesOf(fields: Fields, columns: readonly string[]): { readonly properties?: Fields } {
  const entries = columns.flatMap((column): [string, unknown][] => {
    const value = columnValue(fields, column);
    return scalarText(value) === null ? [] : [[column, value]];
  });
  return entries.length === 0 ? {} : { properties: Object.fromEntries(entries) };
}
