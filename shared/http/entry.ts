import { failure, OdometerError } from '../errors.ts';
import { lateAnswerMs } from '../limits.ts';
import type { Logger } from '../runtime/logger.ts';
import { within } from '../runtime/within.ts';
import { errorProblem, problem, toHttpProblem } from './problem.ts';
import { failureMembersOf, type HttpHandler, type HttpResult } from './stack.ts';

/**
 * The Lambda entry of an HTTP function, which `started` makes at the first invocation. A start that fails for now
 * (secrets that cannot be read) and an invocation that is about to end are answered with 503; a start that cannot
 * succeed fails the invocation, loudly.
 */
export function httpEntry(fn: {
  readonly logger: Logger;
  readonly started: () => Promise<HttpHandler>;
}): HttpHandler {
  const { logger, started } = fn;
  return async (event, context) => {
    const { requestId } = event.requestContext;
    const answer = async (): Promise<HttpResult> => {
      const handle = await started().catch((error: unknown) => {
        if (!(error instanceof OdometerError) || !error.retryable) throw error;
        logger.warn({ requestId, ...failure(error) }, 'the function did not start');
        return async () => toHttpProblem(errorProblem(error), requestId);
      });
      return handle(event, context);
    };
    return within(answer(), context.getRemainingTimeInMillis() - lateAnswerMs, () => {
      logger.warn({ requestId, routeKey: event.routeKey }, 'an HTTP request took too long');
      return toHttpProblem({ ...tooLate, ...failureMembersOf(context) }, requestId);
    });
  };
}

const tooLate = problem(503, 'timeout', 'A part of the service did not answer in time.', {
  retryAfterSeconds: 1,
});
