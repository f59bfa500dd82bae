/** From requests about an organization's events, and back to the answers. */
import { z } from 'zod';
import type { Caller } from '../../shared/callers/caller.ts';
import { mayReach } from '../../shared/callers/caller.ts';
import { formatDay, parseDay } from '../../shared/events/calendar.ts';
import {
  metricRule,
  namePattern,
  organizationPattern,
  organizationRule,
} from '../../shared/events/name-rule.ts';
import { type FieldProblem, type Problem, problem } from '../../shared/http/problem.ts';
import type { HttpEvent } from '../../shared/http/stack.ts';
import type { EventsBefore, EventsQuery, KeptConflict } from '../../shared/ledger/event-lookup.ts';
import { idempotencyKeyBytesMax, listedEventsMax, summaryDaysMax } from '../../shared/limits.ts';
import type { Receipts } from '../../shared/log/receipt.ts';
import { type ReceiptSealer, toHttpTime } from './to-http-fate.ts';

const listedEventsDefault = 100;

const dayText = z.string('is required').transform((text, context) => {
  const day = parseDay(text);
  if (day !== null) return day;
  context.addIssue({ code: 'custom', message: 'must be a day that exists, as YYYY-MM-DD' });
  return z.NEVER;
});

const limitRule = `must be a whole number from 1 to ${listedEventsMax}`;
/** Rows of one page. */
export const limitText = z
  .string()
  .regex(/^[1-9]\d{0,3}$/, limitRule)
  .transform(Number)
  .refine((limit) => limit <= listedEventsMax, limitRule)
  .default(listedEventsDefault);

const organization = z.string('is required').regex(organizationPattern, organizationRule);

/** The parameters of a list of events. */
export const listParameters = z
  .strictObject({
    organization_id: organization,
    start_date: dayText,
    end_date: dayText,
    metric: z.string().regex(namePattern, metricRule).optional(),
    limit: limitText,
    cursor: z.string().optional(),
  })
  .refine(({ start_date, end_date }) => start_date <= end_date, {
    path: ['end_date'],
    message: 'must not be before start_date',
  })
  .refine(({ start_date, end_date }) => end_date - start_date < summaryDaysMax, {
    path: ['end_date'],
    message: `must be at most ${summaryDaysMax} days after start_date, both included`,
  });

/** The parameters of a question for one key. */
export const keyParameters = z.strictObject({
  organization_id: organization,
  idempotency_key: z
    .string()
    .min(1)
    .refine((key) => Buffer.byteLength(key) <= idempotencyKeyBytesMax, 'is too long'),
  start_date: dayText.optional(),
  end_date: dayText.optional(),
});

export type Reading<Request> =
  | { readonly ok: true; readonly request: Request }
  | { readonly ok: false; readonly problem: Problem };

export interface KeyRequest {
  readonly organization: string;
  readonly idempotencyKey: string;
  readonly startDay: number | undefined;
  readonly endDay: number | undefined;
}

/** Whether a request is about one key. */
export function namesKey({ queryStringParameters: query }: HttpEvent): boolean {
  return query !== undefined && 'idempotency_key' in query;
}

export function fromHttpKey(event: HttpEvent, caller: Caller): Reading<KeyRequest> {
  const reading = parseQuery(keyParameters, event);
  if (!reading.ok) return reading;
  const { organization_id: name, idempotency_key: idempotencyKey, ...days } = reading.request;
  const refused = refusalOf(caller, name);
  if (refused !== null) return { ok: false, problem: refused };
  const { start_date: startDay, end_date: endDay } = days;
  return { ok: true, request: { organization: name, idempotencyKey, startDay, endDay } };
}

export function fromHttpList(event: HttpEvent, caller: Caller, receipts: Receipts): Reading<EventsQuery> {
  const reading = parseQuery(listParameters, event);
  if (!reading.ok) return reading;
  const { organization_id: name, metric, limit, cursor, start_date, end_date } = reading.request;
  const refused = refusalOf(caller, name);
  if (refused !== null) return { ok: false, problem: refused };
  const before = cursor === undefined ? undefined : fromCursor(cursor, name, receipts);
  if (before === null)
    return invalid([
      { field: 'cursor', code: 'invalid_value', message: 'cursor must be next_cursor of an earlier answer' },
    ]);
  const query = { organization: name, startDay: start_date, endDay: end_date, metric, limit, before };
  return { ok: true, request: query };
}

function refusalOf(caller: Caller, name: string): Problem | null {
  if (!caller.scopes.has('read')) return problem(403, 'scope_required', 'The caller needs the scope read.');
  if (mayReach(caller, name)) return null;
  return problem(403, 'organization_not_allowed', 'The caller may not read this organization.');
}

/** The parameters of a request; an unknown one is an error, because ignoring it would answer another question. */
export function parseQuery<Output>(
  schema: z.ZodType<Output>,
  { queryStringParameters }: HttpEvent,
): Reading<Output> {
  const parsed = schema.safeParse(queryStringParameters ?? {});
  return parsed.success
    ? { ok: true, request: parsed.data }
    : invalid(parsed.error.issues.flatMap(toFieldProblems));
}

function invalid(errors: readonly FieldProblem[]): { readonly ok: false; readonly problem: Problem } {
  return { ok: false, problem: problem(400, 'invalid_parameter', 'A parameter is not valid.', { errors }) };
}

function toFieldProblems(issue: z.core.$ZodIssue): FieldProblem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((field) => ({
      field,
      code: 'unknown_parameter',
      message: `${field} is not known`,
    }));
  }
  const field = issue.path.join('.');
  const code = issue.code === 'invalid_type' ? 'missing_parameter' : 'invalid_value';
  return [{ field, code, message: `${field} ${issue.message}` }];
}

/** The time of the last event and its receipt, because an offset would count the neighbours; or a time alone. */
export function toCursor(
  { eventTimeMs, offset, index }: EventsBefore,
  of: { readonly organization: string; readonly partition: number; readonly receipts: ReceiptSealer },
): string {
  if (offset === null || index === null) return String(eventTimeMs);
  const { organization: name, partition, receipts } = of;
  const place = { partition, offset, createdAtMs: 0, organization: name, firstIndex: index, count: 1 };
  return `${eventTimeMs}.${receipts.seal(place)}`;
}

// Same type: a cursor is no name of an organization, and opens to nothing.
function fromCursor(text: string, name: string, receipts: Receipts): EventsBefore | null {
  const [, time = '', sealed] = /^(\d{1,15})(?:\.([\w-]+))?$/.exec(text) ?? [];
  if (time === '') return null;
  const eventTimeMs = Number(time);
  if (sealed === undefined) return { eventTimeMs, offset: null, index: null };
  const place = receipts.openReceipt(`${sealed}.0`);
  if (place === null || place.organizationMark !== receipts.markOf(name)) return null;
  return { eventTimeMs, offset: place.offset, index: place.index };
}

/** A conflict of one key: its receipt cannot be made of what is kept, so it is found by its days. */
export function toHttpKeyConflict({ day, firstDay, atUs }: KeptConflict) {
  return {
    timestamp_day: formatDay(day),
    first_day: formatDay(firstDay),
    found_at: toHttpTime(Math.floor(Number(atUs) / 1000)),
  };
}
