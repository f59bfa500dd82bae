/** From the query of a batch to whether it is accepted only as a whole. */
import { z } from 'zod';
import { type FieldProblem, type Problem, problem } from '../../shared/http/problem.ts';
import type { HttpEvent } from '../../shared/http/stack.ts';

const parameters = z.strictObject({ atomic: z.enum(['true', 'false']).optional() });

/** Any other parameter is refused: a client that misspells this one would lose what it relies on. */
export function fromHttpAtomic(
  event: HttpEvent,
): { readonly ok: true; readonly value: boolean } | { readonly ok: false; readonly problem: Problem } {
  const parsed = parameters.safeParse(event.queryStringParameters ?? {});
  if (parsed.success) return { ok: true, value: parsed.data.atomic === 'true' };
  const errors = parsed.error.issues.flatMap(toFieldProblems);
  return { ok: false, problem: problem(400, 'invalid_parameter', 'A parameter is not valid.', { errors }) };
}

function toFieldProblems(issue: z.core.$ZodIssue): FieldProblem[] {
  if (issue.code === 'unrecognized_keys') {
    const message = 'a batch has only the parameter atomic';
    return issue.keys.map((field) => ({ field, code: 'unknown_parameter', message }));
  }
  const field = issue.path.join('.');
  return [{ field, code: 'invalid_value', message: `${field} must be true or false` }];
}
