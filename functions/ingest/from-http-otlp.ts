/**
 * From OTLP metrics over HTTP, in JSON or protobuf, to checked events: a data point of a monotonic delta sum is one.
 *
 *   an attribute -> organization_id, name -> metric_name, asInt or asDouble -> quantity,
 *   what identifies the point -> idempotency_key, timeUnixNano -> timestamp, attributes of the point -> properties
 */
import { parse } from 'content-type';
import { otlpPoints, type UsagePoint } from '../../shared/events/otlp-points.ts';
import type { HttpEvent } from '../../shared/http/stack.ts';
import {
  batchEventsMax,
  nameCharsMax,
  otlpMessagesMax,
  propertiesBytesMax,
  propertiesMax,
  propertyNameCharsMax,
} from '../../shared/limits.ts';
import type { Candidate, Rejection } from './candidate.ts';
import {
  type EventsReading,
  fromHttpItem,
  invalid,
  type NoEvents,
  ofFewDays,
  tooManyEvents,
} from './from-http-events.ts';
import { readOtlpProtobuf } from './otlp-protobuf.ts';
import { otlpRequestShape } from './otlp-shape.ts';
import { readBody, readBodyBytes } from './read-body.ts';
import { isJsonObject, NumberText, numberTextOf, readJson } from './read-json.ts';
import { canonicalNumber } from './read-properties.ts';

const protobufType = 'application/x-protobuf';
const mediaTypes = [protobufType, 'application/json'];
/** As deep as the decoder of protobuf goes. */
const levelsMax = 100;

/** Whether a request is in protobuf, and so its answer. */
export function isProtobuf({ headers }: HttpEvent): boolean {
  return parse(headers['content-type'] ?? '').type === protobufType;
}

/**
 * The points of an export in its order, or the problem for which none of them is read. The organization is in the first
 * of the fields that a point has: `resource.NAME` or `attributes.NAME`.
 */
export function fromHttpOtlp(event: HttpEvent, organizationFields: readonly string[]): EventsReading {
  const reading = isProtobuf(event) ? readProtobuf(event) : readDocument(event);
  if (!reading.ok) return reading;
  const items: (Candidate | Rejection)[] = [];
  let usages = 0;
  for (const point of otlpPoints({ ...reading.document }, numberTextOf)) {
    const index = items.length;
    if (point.kind === 'refused') {
      const message = `${point.metric.slice(0, nameCharsMax)}: ${point.message}`;
      items.push({ index, code: point.code, field: '', message });
      continue;
    }
    usages += 1;
    if (usages > batchEventsMax) return tooManyEvents('resourceMetrics');
    items.push(fromUsagePoint(point, index, organizationFields));
  }
  return ofFewDays(items);
}

type DocumentReading = { readonly ok: true; readonly document: object } | NoEvents;

function readProtobuf(event: HttpEvent): DocumentReading {
  const body = readBodyBytes(event, mediaTypes);
  if (!body.ok) return body;
  const reading = readOtlpProtobuf(body.bytes);
  if (reading.kind === 'read') return { ok: true, document: reading.document };
  if (reading.kind === 'too-many') return tooManyMessages();
  return invalid('invalid_protobuf', '', 'The body is not an export of OTLP metrics in protobuf.');
}

function readDocument(event: HttpEvent): DocumentReading {
  const body = readBody(event, mediaTypes);
  if (!body.ok) return body;
  const json = readJson(body.text);
  const extent = json.ok ? extentOf(json.value) : 'too-deep';
  if (!json.ok || extent === 'too-deep') return invalid('invalid_json', '', 'The body is not JSON.');
  if (extent === 'too-many') return tooManyMessages();
  const { value } = json;
  if (!isJsonObject(value)) {
    return invalid('wrong_type', '', 'The body must be an object {"resourceMetrics": [...]}.');
  }
  // An export of nothing.
  if (Object.keys(value).length === 0) return { ok: true, document: value };
  const shape = otlpRequestShape.safeParse(value);
  if (shape.success) return { ok: true, document: value };
  const field = shape.error.issues[0]?.path.join('.') ?? '';
  const detail = `The member ${field} is not what OTLP has there; its names are in lowerCamelCase.`;
  return invalid('invalid_otlp', field, detail);
}

function tooManyMessages(): NoEvents {
  const detail = `An export must have at most ${otlpMessagesMax} messages, in JSON objects and lists.`;
  return invalid('too_many_messages', '', detail);
}

/** Whether a document is one that is read further: neither nested without end nor made of nothing but small parts. */
function extentOf(document: unknown): 'ordinary' | 'too-deep' | 'too-many' {
  let level: readonly object[] = partsOf([document]);
  let found = level.length;
  for (let depth = 0; level.length > 0; depth++) {
    if (depth === levelsMax) return 'too-deep';
    const below: object[] = [];
    for (const part of level) {
      const parts = partsOf(Object.values(part));
      found += parts.length;
      if (found > otlpMessagesMax) return 'too-many';
      below.push(...parts);
    }
    level = below;
  }
  return 'ordinary';
}

/** The objects and lists among values; a number that was kept as text is neither. */
function partsOf(values: readonly unknown[]): object[] {
  return values.filter((value) => Array.isArray(value) || isJsonObject(value));
}

function fromUsagePoint(
  point: UsagePoint,
  index: number,
  organizationFields: readonly string[],
): Candidate | Rejection {
  const organization = organizationOf(point, organizationFields);
  if (organization === null) {
    const message = `no organization: a data point needs one of ${organizationFields.join(', ')}`;
    return { index, code: 'organization_missing', field: 'organization', message };
  }
  const timestamp = timestampOf(point.timeUnixNano);
  if (timestamp === null) {
    const message = 'timeUnixNano must be the nanoseconds since 1970 at which the interval ended';
    return { index, code: 'invalid_timestamp', field: 'timeUnixNano', message };
  }
  return fromHttpItem(
    {
      organization_id: organization,
      metric_name: point.metric,
      quantity: point.quantity,
      idempotency_key: point.key,
      timestamp,
      properties: propertiesOf(point),
    },
    index,
  );
}

function organizationOf({ resource, attributes }: UsagePoint, fields: readonly string[]): string | null {
  for (const field of fields) {
    const point = field.indexOf('.');
    const holder = field.slice(0, point) === 'resource' ? resource : attributes;
    const value = holder.get(field.slice(point + 1));
    if (value !== undefined && value.type !== 'other' && value.text !== '') return value.text;
  }
  return null;
}

const nanosPattern = /^[1-9]\d{0,19}$/;

function timestampOf(nanos: string): string | null {
  return nanosPattern.test(nanos) ? new Date(Number(BigInt(nanos) / 1_000_000n)).toISOString() : null;
}

/**
 * What attributes of the point become, which is properties until an event may carry dimensions: the scalars in the order of
 * their names, as far as properties may go. The others are left out, because usage counts whatever its labels are.
 */
function propertiesOf({ attributes }: UsagePoint): Record<string, unknown> {
  const properties: Record<string, unknown> = {};
  let count = 0;
  let bytes = 2;
  for (const [name, { type, text }] of [...attributes].sort(([one], [other]) => (one < other ? -1 : 1))) {
    if (count === propertiesMax) break;
    const written = type === 'text' ? JSON.stringify(text) : type === 'number' ? canonicalNumber(text) : text;
    if (type === 'other' || written === null || name === '' || name.length > propertyNameCharsMax) continue;
    const added = Buffer.byteLength(`,${JSON.stringify(name)}:${written}`);
    if (bytes + added > propertiesBytesMax) continue;
    bytes += added;
    count += 1;
    const value = type === 'number' ? new NumberText(text) : type === 'boolean' ? text === 'true' : text;
    Object.defineProperty(properties, name, { value, enumerable: true });
  }
  return properties;
}

const wordOf: Readonly<Record<string, string>> = {
  organization_id: 'the organization',
  metric_name: 'the name of a metric',
  quantity: 'the value',
  timestamp: 'timeUnixNano',
};

/** A rejection in the words of OTLP. */
export function toOtlpRejection({ field, message, ...rest }: Rejection): Rejection {
  return { ...rest, field, message: message.replace(field, wordOf[field] ?? field) };
}
