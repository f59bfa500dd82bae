/** From an HTTP request to a summary request, and back to the answer. */
import { z } from 'zod';
import { formatDay, parseDay } from '../../shared/events/calendar.ts';
import {
  metricRule,
  namePattern,
  organizationPattern,
  organizationRule,
} from '../../shared/events/name-rule.ts';
import { type FieldProblem, type Problem, problem } from '../../shared/http/problem.ts';
import type { HttpAnswer, HttpEvent } from '../../shared/http/stack.ts';
import { summaryDaysMax, summaryMetricsMax } from '../../shared/limits.ts';
import type { SummaryOutcome, SummaryRequest } from './summarize-usage.ts';

export type SummaryReading =
  | { readonly ok: true; readonly request: SummaryRequest }
  | { readonly ok: false; readonly problem: Problem };

const dayMessage = 'must be a day that exists, as YYYY-MM-DD';

const dayText = z.string('is required').transform((text, context) => {
  const day = parseDay(text);
  if (day !== null) return day;
  context.addIssue({ code: 'custom', message: dayMessage });
  return z.NEVER;
});

const limitRule = `must be a whole number from 1 to ${summaryMetricsMax}`;
const limitText = z
  .string()
  .regex(/^[1-9]\d{0,8}$/, limitRule)
  .transform(Number)
  .refine((limit) => limit <= summaryMetricsMax, limitRule);

/** A metric's name, packed so that nobody takes it for a number of pages. */
const cursorText = z.string().transform((text, context) => {
  const metric = Buffer.from(text, 'base64url').toString();
  if (namePattern.test(metric) && toCursor(metric) === text) return metric;
  context.addIssue({ code: 'custom', message: 'must be next_cursor of an earlier answer' });
  return z.NEVER;
});

const parameters = z
  .strictObject({
    start_date: dayText,
    end_date: dayText,
    metric: z.string().regex(namePattern, metricRule).optional(),
    limit: limitText.default(summaryMetricsMax),
    cursor: cursorText.optional(),
  })
  .refine((days) => days.start_date <= days.end_date, {
    path: ['end_date'],
    message: 'must not be before start_date',
  })
  .refine((days) => days.end_date - days.start_date < summaryDaysMax, {
    path: ['end_date'],
    message: `must be at most ${summaryDaysMax} days after start_date, both included`,
  });

/** Both days are required. An unknown parameter is an error: ignoring it would answer another question. */
export function fromHttpSummary(event: HttpEvent): SummaryReading {
  const { organization = '' } = event.pathParameters ?? {};
  if (!organizationPattern.test(organization)) {
    return invalid([
      { field: 'organization', code: 'invalid_name', message: `organization ${organizationRule}` },
    ]);
  }
  const parsed = parameters.safeParse(event.queryStringParameters ?? {});
  if (!parsed.success) return invalid(parsed.error.issues.flatMap(toFieldProblems));
  const { start_date: startDay, end_date: endDay, metric, limit, cursor: after } = parsed.data;
  return { ok: true, request: { organization, startDay, endDay, metric, limit, after } };
}

function invalid(errors: readonly FieldProblem[]): SummaryReading {
  return { ok: false, problem: problem(400, 'invalid_parameter', 'A parameter is not valid.', { errors }) };
}

function toFieldProblems(issue: z.core.$ZodIssue): FieldProblem[] {
  if (issue.code === 'unrecognized_keys') {
    const known = 'the parameters are start_date, end_date, metric, limit and cursor';
    return issue.keys.map((field) => ({ field, code: 'unknown_parameter', message: known }));
  }
  const field = issue.path.join('.');
  const invalidCode = field.endsWith('_date') ? 'invalid_day' : 'invalid_value';
  const code = issue.code === 'invalid_type' ? 'missing_parameter' : invalidCode;
  return [{ field, code, message: `${field} ${issue.message}` }];
}

const forbidden = {
  scope_required: 'The caller needs the scope read.',
  organization_not_allowed: 'The caller may not read this organization.',
};

/** The answer to a summary: days as `YYYY-MM-DD`, times as RFC 3339, quantities as decimal text. */
export function toHttpSummary(outcome: SummaryOutcome): HttpAnswer {
  if (outcome.kind === 'forbidden') {
    return { problem: problem(403, outcome.code, forbidden[outcome.code]) };
  }
  const { organization, startDay, endDay, metrics, nextAfter, freshness } = outcome.summary;
  const { observedAtMs, completeThroughMs, inFlight, complete } = freshness;
  return {
    status: 200,
    body: {
      organization_id: organization,
      start_date: formatDay(startDay),
      end_date: formatDay(endDay),
      timezone: 'UTC',
      metrics: metrics.map(({ metric, totalQuantity, eventCount }) => ({
        metric_name: metric,
        total_quantity: totalQuantity,
        event_count: eventCount,
      })),
      ...(nextAfter === null ? {} : { next_cursor: toCursor(nextAfter) }),
      freshness: {
        observed_at: toHttpTime(observedAtMs),
        complete_through: toHttpTime(completeThroughMs),
        in_flight: inFlight,
        complete,
      },
    },
  };
}

function toCursor(metric: string): string {
  return Buffer.from(metric).toString('base64url');
}

function toHttpTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
