/**
 * The one middleware stack of every HTTP function: caller, request logger, deadline, problem details.
 * Middy's own early timeout is off: `entry.ts` answers a late request, and it has what the request kept for a failure.
 */
import middy, { type MiddlewareObj } from '@middy/core';
import type {
  APIGatewayProxyEventV2WithLambdaAuthorizer,
  APIGatewayProxyStructuredResultV2,
  Context,
} from 'aws-lambda';
import type { Caller } from '../callers/caller.ts';
import { type AuthorizerContext, fromHttpCaller } from '../callers/http-caller.ts';
import { askQuota, type RequestQuota } from '../callers/request-quota.ts';
import { failure, OdometerError } from '../errors.ts';
import type { Logger } from '../runtime/logger.ts';
import { errorProblem, internalProblem, type Problem, problem, toHttpProblem } from './problem.ts';

export type HttpEvent = APIGatewayProxyEventV2WithLambdaAuthorizer<AuthorizerContext | null>;
export type HttpResult = APIGatewayProxyStructuredResultV2;
export type HttpHandler = (event: HttpEvent, context: Context) => Promise<HttpResult>;

/** One request as a function's routes see it. */
export interface HttpRequest {
  readonly event: HttpEvent;
  readonly caller: Caller;
  readonly logger: Logger;
  /** How long an answer can still be given. */
  remainingMs(): number;
  /** From here on, whatever fails: the answer has these members as well. */
  keepForFailure(members: Problem['members']): void;
}

/** A success as JSON (undefined: without a body), or as text or bytes of another type; or a problem as a value. */
export type HttpAnswer =
  | {
      readonly status: number;
      readonly body: unknown;
      readonly contentType?: undefined;
      readonly problem?: undefined;
    }
  | {
      readonly status: number;
      readonly body: string | Buffer;
      readonly contentType: string;
      readonly problem?: undefined;
    }
  | { readonly problem: Problem };

export interface HttpOptions {
  readonly logger: Logger;
  /** Keys such as `GET /health` of routes that need no caller. */
  readonly publicRoutes?: ReadonlySet<string>;
  /** Asked for every request of a caller; without it no request is counted. */
  readonly quota?: RequestQuota | undefined;
  readonly respond: (request: HttpRequest) => Promise<HttpAnswer>;
}

/** The caller of public routes: unknown, and without rights. */
const anonymous: Caller = {
  id: 'anonymous',
  scopes: new Set(),
  organizations: new Set(),
  keysRequired: true,
};

interface HttpContext extends Context {
  caller?: Caller;
  failureMembers?: Problem['members'];
}

/** What a failure of this invocation has to say beside its code: what the request kept until now. */
export function failureMembersOf(context: HttpContext): Pick<Problem, 'members'> {
  const { failureMembers: members } = context;
  return members === undefined ? {} : { members };
}

/** The Lambda handler of an HTTP function. It never throws: what fails becomes a problem. */
export function createHttpHandler(options: HttpOptions): HttpHandler {
  const answerOf = async (event: HttpEvent, context: HttpContext): Promise<HttpResult> => {
    const answer = await options.respond({
      event,
      caller: context.caller ?? anonymous,
      logger: requestLogger(options.logger, requestIdOf(event)),
      remainingMs: () => context.getRemainingTimeInMillis(),
      keepForFailure: (members) => {
        context.failureMembers = members;
      },
    });
    return toResult(answer, context, requestIdOf(event));
  };
  const respond = async (event: HttpEvent, context: HttpContext): Promise<HttpResult> => {
    const { quota } = options;
    if (quota === undefined || context.caller === undefined) return answerOf(event, context);
    const verdict = await askQuota(quota, context.caller.id);
    if (verdict.kind === 'uncounted') return answerOf(event, context);
    const { headers } = verdict;
    if (verdict.kind === 'refused') return toHttpProblem({ ...overQuota, headers }, requestIdOf(event));
    const result = await answerOf(event, context);
    return { ...result, headers: { ...result.headers, ...headers } };
  };
  const handle = middy<HttpEvent, HttpResult, Error, HttpContext>({ timeoutEarlyInMillis: 0 })
    .use(problemDetails(options.logger))
    .use(authenticatedCaller(options.publicRoutes ?? new Set()))
    .handler(respond);
  return (event, context) => handle(headAsGet(event), context);
}

const overQuota = problem(429, 'quota_exceeded', 'The caller has sent too many requests in this second.', {
  retryAfterSeconds: 1,
});

function toResult(answer: HttpAnswer, context: HttpContext, requestId: string): HttpResult {
  if (answer.problem !== undefined) {
    const failed = answer.problem.status >= 500;
    return toHttpProblem(
      failed ? { ...failureMembersOf(context), ...answer.problem } : answer.problem,
      requestId,
    );
  }
  const { status: statusCode, body, contentType } = answer;
  if (body === undefined) return { statusCode, headers: noBodyHeaders };
  if (contentType === undefined) return { statusCode, headers: successHeaders, body: JSON.stringify(body) };
  const headers = { ...successHeaders, 'content-type': contentType };
  if (typeof body === 'string') return { statusCode, headers, body };
  return { statusCode, headers, body: body.toString('base64'), isBase64Encoded: true };
}

/** HEAD asks for the header fields of GET, so it is answered as GET; whatever sends the answer leaves the body out. */
function headAsGet(event: HttpEvent): HttpEvent {
  return event.routeKey.startsWith('HEAD ')
    ? { ...event, routeKey: event.routeKey.replace('HEAD', 'GET') }
    : event;
}

const noBodyHeaders = { 'cache-control': 'no-store' };
const successHeaders = { 'content-type': 'application/json', ...noBodyHeaders };

type HttpMiddleware = MiddlewareObj<HttpEvent, HttpResult, Error, HttpContext>;

/** The caller comes from the authorizer's context alone; without one only public routes are answered. */
function authenticatedCaller(publicRoutes: ReadonlySet<string>): HttpMiddleware {
  return {
    before: ({ event, context }) => {
      const caller = fromHttpCaller(event.requestContext.authorizer?.lambda);
      if (caller !== null) {
        context.caller = caller;
        return undefined;
      }
      if (publicRoutes.has(event.routeKey)) return undefined;
      const missing = problem(401, 'unauthenticated', 'No caller was recognised for this request.');
      return toHttpProblem(missing, requestIdOf(event));
    },
  };
}

/** Expected errors become their problem; anything else is a bug: logged with its cause, answered without. */
function problemDetails(logger: Logger): HttpMiddleware {
  return {
    onError: ({ event, context, error }) => {
      const requestId = requestIdOf(event);
      const failed = error instanceof OdometerError ? errorProblem(error) : internalProblem;
      const found = { ...failed, ...failureMembersOf(context) };
      const level = found.status === 500 ? 'error' : 'warn';
      logger[level]({ requestId, routeKey: event.routeKey, ...failure(error) }, 'an HTTP request failed');
      return toHttpProblem(found, requestId);
    },
  };
}

function requestIdOf(event: HttpEvent): string {
  return event.requestContext.requestId;
}

function requestLogger(logger: Logger, requestId: string): Logger {
  return {
    debug: (fields, message) => logger.debug({ requestId, ...fields }, message),
    info: (fields, message) => logger.info({ requestId, ...fields }, message),
    warn: (fields, message) => logger.warn({ requestId, ...fields }, message),
    error: (fields, message) => logger.error({ requestId, ...fields }, message),
  };
}
