import { z } from 'zod';
import { OdometerError } from '../../shared/errors.ts';
import { parseDay } from '../../shared/events/calendar.ts';
import type { LoggedHead } from '../../shared/ledger/chain-check.ts';
import type { Closing } from '../../shared/ledger/closing.ts';
import type { Decision } from '../../shared/ledger/shard-control.ts';
import { listedRowsMax, loggedHeadsMax } from '../../shared/limits.ts';

const words = z.string().trim().min(1).max(500);
const offset = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

const day = z.string().transform((text, context) => {
  const parsed = parseDay(text);
  if (parsed !== null) return parsed;
  context.addIssue('must be a day: YYYY-MM-DD');
  return z.NEVER;
});
const listedRows = z.number().int().min(1).max(listedRowsMax).default(100);
/** As the rows of a list carry it. */
const cursor = z
  .string()
  .regex(/^\d{1,16}\.\d{1,9}\.\d{1,9}\.\d{1,18}\.(-1|\d{1,9})$/)
  .nullable()
  .default(null);

const loggedHead = z.strictObject({
  partition: z.number().int().min(0),
  sequence: z.number().int().min(1),
  hash: z.hash('sha256'),
});

const operatorEvent = z.discriminatedUnion('verb', [
  z.strictObject({ verb: z.literal('migrate') }),
  z.strictObject({ verb: z.literal('halts') }),
  z.strictObject({ verb: z.literal('verify'), heads: z.array(loggedHead).max(loggedHeadsMax).default([]) }),
  z.strictObject({ verb: z.literal('quarantine'), rows: listedRows, before: cursor }),
  z.strictObject({ verb: z.literal('conflicts'), rows: listedRows, before: cursor }),
  z.strictObject({ verb: z.literal('close-day'), day, by: words, why: words }),
  z.strictObject({
    verb: z.literal('resume'),
    partition: z.number().int().min(0),
    by: words,
    why: words,
    action: z
      .discriminatedUnion('kind', [
        z.strictObject({ kind: z.literal('retry') }),
        z.strictObject({ kind: z.literal('skip'), offset }),
        z.strictObject({ kind: z.literal('restart'), offset, topicId: words }),
      ])
      .default({ kind: 'retry' }),
  }),
]);

/** One thing that an operator asks for. */
export type OperatorRequest =
  | { readonly verb: 'migrate' }
  | { readonly verb: 'halts' }
  | { readonly verb: 'verify'; readonly heads: readonly LoggedHead[] }
  | { readonly verb: 'quarantine' | 'conflicts'; readonly rows: number; readonly before: string | null }
  | ({ readonly verb: 'close-day' } & Closing)
  | ({ readonly verb: 'resume' } & Decision);

/** Throws `config_invalid` naming every problem of the event. */
export function fromOperatorEvent(event: unknown): OperatorRequest {
  const parsed = operatorEvent.safeParse(event);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new OdometerError('config_invalid', `not an operator event: ${problems.join('; ')}`, {
    retryable: false,
  });
}
