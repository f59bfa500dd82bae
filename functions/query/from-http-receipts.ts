/** From requests about receipts, and back to their answers. */
import { z } from 'zod';
import { type Problem, problem } from '../../shared/http/problem.ts';
import { readJsonBody } from '../../shared/http/read-body.ts';
import type { HttpAnswer, HttpEvent } from '../../shared/http/stack.ts';
import { receiptsMax } from '../../shared/limits.ts';
import type { FoundFate } from './find-fates.ts';
import { type ReceiptSealer, toHttpFate } from './to-http-fate.ts';

/** As long as any text that is looked at; a receipt is shorter. */
const receiptCharsMax = 200;

/** The body of `POST /api/v1/receipts`. */
export const receiptsBodySchema = z.strictObject({
  receipts: z.array(z.string().max(receiptCharsMax)).min(1).max(receiptsMax),
});

export type ReceiptsReading =
  | { readonly ok: true; readonly receipts: readonly string[] }
  | { readonly ok: false; readonly problem: Problem };

export function fromHttpReceipts(event: HttpEvent): ReceiptsReading {
  const body = readJsonBody(event);
  if (!body.ok) return body;
  const parsed = receiptsBodySchema.safeParse(body.value);
  if (parsed.success) return { ok: true, receipts: parsed.data.receipts };
  const detail = `The body must be {"receipts": [...]} with 1 to ${receiptsMax} receipts as text.`;
  return { ok: false, problem: problem(400, 'invalid_body', detail) };
}

/** The answer about one receipt; what the log did not say may be asked again. */
// Same type: the receipt as it was asked for.
export function toHttpOneFate(receipt: string, found: FoundFate | null, receipts: ReceiptSealer): HttpAnswer {
  if (found === null)
    return { problem: problem(404, 'receipt_unknown', 'No such receipt was given out to this caller.') };
  if (found.fate.kind === 'undetermined') {
    const detail = 'The log, which alone knows this event, does not answer.';
    return { problem: problem(503, 'log_unavailable', detail, { retryAfterSeconds: 1 }) };
  }
  return { status: 200, body: toHttpFate(receipt, found, receipts) };
}

/** The answer about many, in the order asked. */
export function toHttpFates(
  texts: readonly string[],
  found: readonly (FoundFate | null)[],
  receipts: ReceiptSealer,
): HttpAnswer {
  const answers = texts.map((receipt, i) => {
    const fate = found[i] ?? null;
    return fate === null ? { receipt, status: 'unknown' } : toHttpFate(receipt, fate, receipts);
  });
  return { status: 200, body: { receipts: answers } };
}
