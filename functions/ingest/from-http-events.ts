/** From an HTTP request to checked events: everything about a body that needs neither caller nor clock. */
import { dayOf, parseTimestamp } from '../../shared/events/calendar.ts';
import { canonicalDecimal } from '../../shared/events/decimal.ts';
import { noDimensions } from '../../shared/events/dimensions.ts';
import { EventDays } from '../../shared/events/event-days.ts';
import { type Problem, problem } from '../../shared/http/problem.ts';
import type { HttpEvent } from '../../shared/http/stack.ts';
import {
  batchEventsMax,
  eventDaysMax,
  idempotencyKeyBytesMax,
  quantityCharsMax,
  quantityFractionDigitsMax,
  quantityIntegerDigitsMax,
} from '../../shared/limits.ts';
import type { Candidate, Rejection } from './candidate.ts';
import { type EventShape, eventShape, shapeRejection } from './event-shape.ts';
import { readBody } from './read-body.ts';
import { readDimensions } from './read-dimensions.ts';
import { isJsonObject, numberTextOf, readJson } from './read-json.ts';
import { canonicalProperties } from './read-properties.ts';

/** The events of a request in its order, or the problem for which none of them is read. */
export type EventsReading =
  | { readonly ok: true; readonly items: readonly (Candidate | Rejection)[] }
  | NoEvents;

export type NoEvents = { readonly ok: false; readonly problem: Problem };

const mediaTypes = ['application/json'];

/** One event, the body itself. */
export function fromHttpEvent(event: HttpEvent): EventsReading {
  return fromHttpBody(event, mediaTypes, (value) => ({ ok: true, items: [fromHttpItem(value, 0)] }));
}

/** `{"events": [...]}`. */
export function fromHttpBatch(event: HttpEvent): EventsReading {
  return fromHttpBody(event, mediaTypes, fromHttpEnvelope);
}

/** The `Idempotency-Key` header, from which keys `<header>:<index>` are made; null without one. */
export function fromHttpKeyPrefix(
  event: HttpEvent,
): { readonly ok: true; readonly value: string | null } | { readonly ok: false; readonly problem: Problem } {
  const header = event.headers['idempotency-key'];
  if (header === undefined) return { ok: true, value: null };
  const field = 'Idempotency-Key';
  const found = headerKeyProblemOf(header);
  if (found === null) return { ok: true, value: header };
  const message = `The header ${field} with the event's index behind it is the key: ${found.message}.`;
  return {
    ok: false,
    problem: problem(400, found.code, message, { errors: [{ field, ...found, message }] }),
  };
}

/** A header has no charset that every client, proxy and server agrees on, so its key is ASCII. */
function headerKeyProblemOf(header: string): ReturnType<typeof keyProblemOf> {
  const longest = header === '' ? header : `${header}:${batchEventsMax}`;
  if (plainKey.test(longest)) return null;
  const message = `idempotency_key must have 1 to ${idempotencyKeyBytesMax} printable ASCII characters`;
  return keyProblemOf(longest) ?? { code: 'invalid_characters', message };
}

/** What `interpret` makes of the body's JSON. */
export function fromHttpBody(
  event: HttpEvent,
  mediaTypes: readonly string[],
  interpret: (value: unknown) => EventsReading,
): EventsReading {
  const body = readBody(event, mediaTypes);
  if (!body.ok) return body;
  const json = readJson(body.text);
  return json.ok ? interpret(json.value) : invalid('invalid_json', '', 'The body is not JSON.');
}

// Same type: a swap shows in every golden answer.
export function invalid(code: string, field: string, detail: string): NoEvents {
  const errors = field === '' ? {} : { errors: [{ field, code, message: detail }] };
  return { ok: false, problem: problem(400, code, detail, errors) };
}

function fromHttpEnvelope(value: unknown): EventsReading {
  if (!isJsonObject(value)) {
    return invalid('wrong_type', '', 'The body must be an object {"events": [...]}.');
  }
  const unknown = Object.keys(value).find((name) => name !== 'events');
  if (unknown !== undefined) return invalid('unknown_field', unknown, 'A batch has only the field events.');
  const events: unknown = Reflect.get(value, 'events');
  if (events === undefined) return invalid('missing_field', 'events', 'The field events is required.');
  if (!Array.isArray(events)) return invalid('wrong_type', 'events', 'The field events must be a list.');
  return fromHttpList(events, 'events', fromHttpItem);
}

/** The items of a list within its limits; `field` is where the list is, empty for the body itself. */
export function fromHttpList(
  list: readonly unknown[],
  field: string,
  interpret: (item: unknown, index: number) => Candidate | Rejection,
): EventsReading {
  if (list.length === 0) return invalid('no_events', field, 'A batch must have at least 1 event.');
  if (list.length > batchEventsMax) return tooManyEvents(field);
  return ofFewDays(list.map(interpret));
}

export function tooManyEvents(field: string): EventsReading {
  return invalid('too_many_events', field, `A batch must have at most ${batchEventsMax} events.`);
}

/** The items, if their days are few enough. */
export function ofFewDays(items: readonly (Candidate | Rejection)[]): EventsReading {
  if (!hasTooManyDays(items)) return { ok: true, items };
  const detail = `The events of a batch must be of at most ${eventDaysMax} UTC days.`;
  return invalid('too_many_days', 'timestamp', detail);
}

function hasTooManyDays(items: readonly (Candidate | Rejection)[]): boolean {
  const days = new EventDays();
  return items.some((item) => {
    const eventTimeMs = 'eventTimeMs' in item ? item.eventTimeMs : null;
    return eventTimeMs !== null && !days.takeOne(dayOf(eventTimeMs));
  });
}

/** One event of a request; total for every JSON value. */
export function fromHttpItem(value: unknown, index: number): Candidate | Rejection {
  if (!isJsonObject(value)) {
    return { index, code: 'wrong_type', field: '', message: 'an event must be a JSON object' };
  }
  const shape = eventShape.safeParse(value);
  return shape.success ? fromHttpShape(shape.data, index) : shapeRejection(index, value, shape.error);
}

function fromHttpShape(shape: EventShape, index: number): Candidate | Rejection {
  const quantity = quantityOf(shape.quantity);
  if (!quantity.ok) return { index, code: quantity.code, field: 'quantity', message: quantity.message };
  const key = shape.idempotency_key ?? null;
  const keyProblem = key === null ? null : keyProblemOf(key);
  if (keyProblem !== null) return { index, field: 'idempotency_key', ...keyProblem };
  const timestamp = shape.timestamp ?? null;
  const eventTimeMs = timestamp === null ? null : parseTimestamp(timestamp);
  if (eventTimeMs === null && timestamp !== null) {
    const message = 'timestamp must be RFC 3339 with an offset, such as 2026-11-23T10:00:00.000Z';
    return { index, code: 'invalid_timestamp', field: 'timestamp', message };
  }
  const given = shape.dimensions ?? null;
  const dimensions = given === null ? ({ ok: true, text: noDimensions } as const) : readDimensions(given);
  if (!dimensions.ok) {
    const { code, field, message } = dimensions;
    return { index, code, field, message };
  }
  const properties =
    shape.properties === undefined || shape.properties === null
      ? ({ ok: true, text: null } as const)
      : canonicalProperties(shape.properties);
  if (!properties.ok) {
    return { index, code: properties.code, field: properties.field, message: properties.message };
  }
  return {
    index,
    organization: shape.organization_id,
    metric: shape.metric_name,
    quantity: quantity.text,
    idempotencyKey: key,
    eventTimeMs,
    dimensions: dimensions.text,
    properties: properties.text,
  };
}

type QuantityReading =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly code: string; readonly message: string };

const quantityMessages = {
  not_a_decimal: 'quantity must be a decimal number',
  too_many_integer_digits: `quantity must have at most ${quantityIntegerDigitsMax} digits before the point`,
  too_many_fraction_digits: `quantity must have at most ${quantityFractionDigitsMax} digits after the point`,
};

function quantityOf(value: EventShape['quantity']): QuantityReading {
  const text = typeof value === 'string' ? value : numberTextOf(value);
  if (text === null) return { ok: false, code: 'not_a_decimal', message: quantityMessages.not_a_decimal };
  if (text.length > quantityCharsMax) {
    return {
      ok: false,
      code: 'too_long',
      message: `quantity must have at most ${quantityCharsMax} characters`,
    };
  }
  const decimal = canonicalDecimal(text);
  if (decimal.ok) return decimal;
  return { ok: false, code: decimal.problem, message: quantityMessages[decimal.problem] };
}

const plainKey = new RegExp(`^[\\x20-\\x7e]{1,${idempotencyKeyBytesMax}}$`);
const controlCharacter = /\p{Cc}/u;
/** What decoders put in the place of bytes that they cannot read, one for many. */
const replacementCharacter = '\ufffd';

/**
 * Keys are compared byte by byte and never normalised, so every byte must survive every system behind. And in front:
 * where somebody replaced bytes on the way here, two keys may have become one, and one of two events would not count.
 */
function keyProblemOf(key: string): { readonly code: string; readonly message: string } | null {
  if (plainKey.test(key)) return null;
  const limit = `idempotency_key must have 1 to ${idempotencyKeyBytesMax} bytes of UTF-8`;
  if (key === '') return { code: 'empty', message: limit };
  if (Buffer.byteLength(key) > idempotencyKeyBytesMax) return { code: 'too_long', message: limit };
  if (!key.isWellFormed()) return { code: 'invalid_characters', message: `${limit}, well-formed` };
  if (controlCharacter.test(key)) {
    return { code: 'invalid_characters', message: `${limit} without control characters` };
  }
  if (key.includes(replacementCharacter)) {
    return {
      code: 'invalid_characters',
      message: `${limit} without U+FFFD, the sign of bytes that were lost`,
    };
  }
  return null;
}
