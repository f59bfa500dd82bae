import { OdometerError } from '../errors.ts';
import { lateAnswerMs } from '../limits.ts';
import { type Lifetime, renewable } from '../runtime/lifetime.ts';
import type { Logger } from '../runtime/logger.ts';
import { type Environment, processEnvironment } from '../runtime/process/environment.ts';
import { createLogger } from '../runtime/process/pino-logger.ts';
import { errorProblem, problem, toHttpProblem } from './problem.ts';
import type { HttpHandler, HttpResult } from './stack.ts';

/** What the start of an HTTP function is given. */
export interface HttpStart {
  readonly environment: Environment;
  readonly logger: Logger;
  readonly lifetime: Lifetime;
}

/**
 * The Lambda entry of an HTTP function: its handler is started at the first invocation and kept. A start that fails
 * for now (secrets that cannot be read) and an invocation that is about to end are answered with 503; a start that
 * cannot succeed fails the invocation, loudly.
 */
export function httpEntry(name: string, start: (given: HttpStart) => Promise<HttpHandler>): HttpHandler {
  const environment = processEnvironment();
  const logger = createLogger(name, environment);
  const started = renewable((lifetime) => start({ environment, logger, lifetime }));
  return async (event, context) => {
    const { requestId } = event.requestContext;
    const answer = async (): Promise<HttpResult> => {
      const handle = await started().catch((error: unknown) => {
        if (!(error instanceof OdometerError) || !error.retryable) throw error;
        logger.warn({ requestId, err: error }, 'the function did not start');
        return async () => toHttpProblem(errorProblem(error), requestId);
      });
      return handle(event, context);
    };
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<HttpResult>((resolve) => {
      const tell = (): void => {
        logger.warn({ requestId, routeKey: event.routeKey }, 'an HTTP request took too long');
        resolve(toHttpProblem(tooLate, requestId));
      };
      timer = setTimeout(tell, context.getRemainingTimeInMillis() - lateAnswerMs);
    });
    try {
      return await Promise.race([answer(), late]);
    } finally {
      clearTimeout(timer);
    }
  };
}

const tooLate = problem(503, 'timeout', 'A part of the service did not answer in time.', {
  retryAfterSeconds: 1,
});
