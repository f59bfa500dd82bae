/** From the use case's outcome to the HTTP answer. */
import { errorProblem, problem } from '../../shared/http/problem.ts';
import type { HttpAnswer, HttpEvent } from '../../shared/http/stack.ts';
import { type AcceptOutcome, organizationNotAllowed, type ServerMade } from './accept-events.ts';
import type { Rejection } from './candidate.ts';
import { toCloudEventRejection } from './from-http-cloud-events.ts';
import { isProtobuf, toOtlpRejection } from './from-http-otlp.ts';
import { writeOtlpProtobuf } from './otlp-protobuf.ts';
import type { OtlpAnswer } from './otlp-shape.ts';

const generatedKeysWarning =
  'Some events had no idempotency key, so keys were generated. A retry without them will count again.';

/**
 * The answer of the batch endpoint. 202 is for a batch that was accepted as a whole. Where some events were not, the
 * status is another one and the first member says so, because a client that looked at either alone would lose them.
 */
export function toHttpBatch(outcome: AcceptOutcome): HttpAnswer {
  if (outcome.kind !== 'accepted') return toHttpFailure(outcome);
  const { accepted, receipts, rejected, made } = outcome;
  const complete = rejected.length === 0;
  const body = { complete, accepted, rejected, receipts, ...toHttpMade(made) };
  return { status: complete ? 202 : 207, body };
}

/** The answer of the endpoint for one event: its receipt, or why it is not accepted. */
export function toHttpSingle(outcome: AcceptOutcome): HttpAnswer {
  if (outcome.kind !== 'accepted') return toHttpFailure(outcome);
  const { accepted, receipts, made } = outcome;
  const body = { accepted, receipt: `${receipts[0]?.receipt}.0`, ...toHttpMade(made) };
  return { status: 202, body };
}

/** The answer to CloudEvents, which are accepted as a whole or not at all: nothing, or why not in their words. */
export function toHttpCloudEvents(outcome: AcceptOutcome): HttpAnswer {
  if (outcome.kind === 'accepted') return { status: 204, body: undefined };
  if (outcome.kind === 'unavailable') return toHttpFailure(outcome);
  return toHttpFailure({ ...outcome, rejected: outcome.rejected.map(toCloudEventRejection) });
}

/**
 * The answer to an export of OTLP: what is refused is partial success, which is no failure there. An exporter repeats only
 * what is answered 429, 502, 503 or 504, and what it repeats counts once.
 */
export function toHttpOtlp(outcome: AcceptOutcome, event: HttpEvent): HttpAnswer {
  if (outcome.kind === 'unavailable') return toHttpFailure(outcome);
  if (outcome.kind === 'rejected' && isForbidden(outcome)) return toHttpFailure(outcome);
  const partialSuccess = partialSuccessOf(outcome.rejected.map(toOtlpRejection));
  if (isProtobuf(event)) {
    return { status: 200, body: writeOtlpProtobuf(partialSuccess), contentType: 'application/x-protobuf' };
  }
  const body: OtlpAnswer = partialSuccess === undefined ? {} : { partialSuccess };
  return { status: 200, body };
}

/** How many data points are not accepted, and of each reason how many and the first. */
function partialSuccessOf(rejected: readonly Rejection[]): OtlpAnswer['partialSuccess'] {
  if (rejected.length === 0) return undefined;
  const reasons = new Map<string, { count: number; readonly first: string }>();
  for (const { code, message } of rejected) {
    const reason = reasons.get(code) ?? { count: 0, first: message };
    reason.count += 1;
    reasons.set(code, reason);
  }
  const sentences = [...reasons].map(([code, { count, first }]) => `${code} (${count}): ${first}`);
  return { rejectedDataPoints: String(rejected.length), errorMessage: sentences.join('; ') };
}

function isForbidden({ rejected, valid }: Extract<AcceptOutcome, { kind: 'rejected' }>): boolean {
  if (valid > 0 || rejected.length === 0) return false;
  return rejected.every(({ code }) => code === organizationNotAllowed);
}

function toHttpFailure(outcome: Exclude<AcceptOutcome, { kind: 'accepted' }>): HttpAnswer {
  if (outcome.kind === 'unavailable') {
    return { problem: errorProblem(outcome.error) };
  }
  const errors = outcome.rejected;
  if (isForbidden(outcome)) {
    const detail = 'The caller may not report for these organizations.';
    return { problem: problem(403, organizationNotAllowed, detail, { errors }) };
  }
  if (outcome.valid > 0) {
    const detail = 'Some events are not valid, and the batch is atomic: nothing of it was accepted.';
    return { problem: problem(400, 'batch_refused', detail, { errors }) };
  }
  return { problem: problem(400, 'no_event_accepted', 'No event of the request is valid.', { errors }) };
}

/** What the server added to the events, also in a failure: a retry that sends it along is counted once. */
export function toHttpMade({ keys, stampedAtMs }: ServerMade): Readonly<Record<string, unknown>> {
  return {
    ...(keys.length === 0
      ? {}
      : {
          generated_keys: keys.map(({ index, idempotencyKey }) => ({
            index,
            idempotency_key: idempotencyKey,
          })),
          warning: generatedKeysWarning,
        }),
    ...(stampedAtMs === null ? {} : { stamped_at: new Date(stampedAtMs).toISOString() }),
  };
}
