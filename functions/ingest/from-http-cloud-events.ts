/**
 * From CloudEvents 1.0 over HTTP to checked events, in all three modes of its binding: one event in the body
 * (structured), a list of them (batched), or one whose attributes are header fields and whose data is the body (binary).
 *
 *   subject -> organization_id, type -> metric_name, data.value or data.quantity -> quantity,
 *   source and id -> idempotency_key `<source> <id>`, time -> timestamp,
 *   other members of data that are texts and fit -> dimensions
 */
import type { HttpEvent } from '../../shared/http/stack.ts';
import type { Candidate, Rejection } from './candidate.ts';
import { type CloudEventShape, cloudEventRules, cloudEventShape } from './cloud-event-shape.ts';
import { type EventsReading, fromHttpBody, fromHttpItem, fromHttpList } from './from-http-events.ts';
import { fittingDimensions } from './read-dimensions.ts';

const mediaTypes = ['application/cloudevents+json', 'application/cloudevents-batch+json', 'application/json'];
const attributePrefix = 'ce-';

/** The events of a request in its order, or the problem for which none of them is read. */
export function fromHttpCloudEvents(event: HttpEvent): EventsReading {
  const attributes = attributesOf(event.headers);
  return fromHttpBody(attributes === null ? event : typed(event), mediaTypes, (value) => {
    if (attributes !== null) return { ok: true, items: [fromCloudEvent({ ...attributes, data: value }, 0)] };
    return Array.isArray(value)
      ? fromHttpList(value, '', fromCloudEvent)
      : { ok: true, items: [fromCloudEvent(value, 0)] };
  });
}

/** Data without a content type is JSON, and clients in Python send it so. */
function typed(event: HttpEvent): HttpEvent {
  return { ...event, headers: { 'content-type': 'application/json', ...event.headers } };
}

/** The attributes in the header fields of binary mode; null where there are none. */
function attributesOf(headers: HttpEvent['headers']): Record<string, string> | null {
  const fields = Object.entries(headers).filter(([name]) => name.startsWith(attributePrefix));
  if (fields.length === 0) return null;
  return Object.fromEntries(
    fields.map(([name, value = '']) => [name.slice(attributePrefix.length), decodeField(value)]),
  );
}

/** Header fields hold UTF-8 as `%xx`; what is no such sequence is left as it is. */
function decodeField(value: string): string {
  return value.replace(/(?:%[0-9a-f]{2})+/gi, (escaped) => {
    try {
      return decodeURIComponent(escaped);
    } catch {
      return escaped;
    }
  });
}

/** Total for every JSON value. */
function fromCloudEvent(value: unknown, index: number): Candidate | Rejection {
  const shape = cloudEventShape.safeParse(value);
  if (shape.success) return fromHttpItem(toUsageEvent(shape.data), index);
  const field = String(shape.error.issues[0]?.path[0] ?? '');
  if (field === '') return { index, code: 'wrong_type', field, message: 'an event must be a JSON object' };
  // The schema has passed the object itself, so it has members.
  const missing = !Object.hasOwn(value as object, field);
  const message = missing
    ? `${field} is required: it ${cloudEventRules[field]}`
    : `${field} ${cloudEventRules[field]}`;
  return { index, code: missing ? 'missing_field' : 'invalid_value', field, message };
}

/** Members of data that hold the quantity. */
const quantityMembers: ReadonlySet<string> = new Set(['value', 'quantity']);

/** The same as a body of the usage API; members that are undefined are absent. */
function toUsageEvent({ source, id, type, subject, time, data }: CloudEventShape): Record<string, unknown> {
  const value: unknown = Reflect.get(data, 'value');
  const quantity: unknown = value ?? Reflect.get(data, 'quantity');
  return {
    organization_id: subject,
    metric_name: type,
    ...(quantity === undefined ? {} : { quantity }),
    idempotency_key: `${source} ${id}`,
    timestamp: time ?? null,
    dimensions: fittingDimensions(data, quantityMembers),
  };
}

/** The attribute that holds what the usage API calls by the other name. */
const attributeOf: Readonly<Record<string, string>> = {
  organization_id: 'subject',
  metric_name: 'type',
  quantity: 'data.value',
  idempotency_key: 'source and id',
  timestamp: 'time',
};

/** A rejection in the words of CloudEvents. */
export function toCloudEventRejection({ field, message, ...rest }: Rejection): Rejection {
  const attribute = attributeOf[field] ?? field;
  return { ...rest, field: attribute, message: message.replace(field, attribute) };
}
