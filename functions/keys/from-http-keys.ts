/** From the HTTP requests about API keys to what the use cases take. */
import type { z } from 'zod';
import { type FieldProblem, type Problem, problem } from '../../shared/http/problem.ts';
import { readJsonBody } from '../../shared/http/read-body.ts';
import type { HttpEvent } from '../../shared/http/stack.ts';
import type { KeyRequest } from './create-key.ts';
import { createKeyBody, listKeysParameters, rotateKeyBody } from './key-schema.ts';
import type { ListRequest } from './list-keys.ts';
import type { RotateRequest } from './rotate-key.ts';

export type Reading<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: Problem };

/** More than the longest list of organizations needs. */
const bodyCharsMax = 16_384;

export function fromHttpCreate(event: HttpEvent): Reading<KeyRequest> {
  const body = readJsonBody(event, bodyCharsMax);
  if (!body.ok) return body;
  const parsed = createKeyBody.safeParse(body.value);
  if (!parsed.success) return invalid('invalid_body', parsed.error);
  const { owner, scopes, organizations, keys_required: keysRequired } = parsed.data;
  const reach = organizations === '*' ? 'all' : organizations;
  const expiresInDays = parsed.data.expires_in_days;
  return { ok: true, value: { owner, scopes, organizations: reach, keysRequired, expiresInDays } };
}

export function fromHttpRotate(event: HttpEvent): Reading<RotateRequest> {
  const body: Reading<unknown> = event.body ? readJsonBody(event, bodyCharsMax) : { ok: true, value: {} };
  if (!body.ok) return body;
  const parsed = rotateKeyBody.safeParse(body.value);
  if (!parsed.success) return invalid('invalid_body', parsed.error);
  const { grace_hours: graceHours, expires_in_days: expiresInDays } = parsed.data;
  return { ok: true, value: { id: fromHttpKeyId(event), graceHours, expiresInDays } };
}

export function fromHttpList(event: HttpEvent): Reading<ListRequest> {
  const parsed = listKeysParameters.safeParse(event.queryStringParameters ?? {});
  if (!parsed.success) return invalid('invalid_parameter', parsed.error);
  const { owner, ended, limit, cursor: after } = parsed.data;
  return { ok: true, value: { owner, ended, limit, after } };
}

/** A text that is no id is one that no key has. */
export function fromHttpKeyId(event: HttpEvent): string {
  return event.pathParameters?.['key'] ?? '';
}

function refused(found: Problem): Reading<never> {
  return { ok: false, problem: found };
}

function invalid(code: string, error: z.ZodError): Reading<never> {
  const errors = error.issues.flatMap(toFieldProblems);
  return refused(problem(400, code, 'A member or parameter is not valid.', { errors }));
}

function toFieldProblems(issue: z.core.$ZodIssue): FieldProblem[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((field) => ({ field, code: 'unknown_field', message: `${field} is not known` }));
  const field = issue.path.join('.');
  return [{ field, code: 'invalid_value', message: `${field} ${issue.message}` }];
}
