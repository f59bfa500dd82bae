/** Builders with defaults for tests of the HTTP edge: events, callers, contexts. */
import type { Context } from 'aws-lambda';
import type { AuthorizerContext } from '../../../shared/callers/http-caller.ts';
import type { HttpEvent, HttpResult } from '../../../shared/http/stack.ts';
import { testNowMs } from '../fakes/clock.ts';

/** All scopes, all organizations, as the local administrator has them. */
export const administrator: AuthorizerContext = {
  callerId: 'local-admin',
  scopes: 'ingest read admin backfill correct',
  organizations: '*',
  keysRequired: 'false',
};

interface HttpEventParts {
  readonly routeKey: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly isBase64Encoded?: boolean;
  readonly pathParameters?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  /** null: nobody was recognised. */
  readonly authorizer?: AuthorizerContext | null;
}

/** Asks for the summary of one organization and one day, `YYYY-MM-DD`. */
// Same type: the API refuses a name for a date.
export function summaryEvent(organization: string, day: string): HttpEvent {
  return httpEvent({
    routeKey: 'GET /api/v1/usage/summary/{organization}',
    pathParameters: { organization },
    query: { start_date: day, end_date: day },
  });
}

/** An API Gateway HTTP API event, payload version 2.0. */
export function httpEvent(parts: HttpEventParts): HttpEvent {
  const [method = 'GET', path = '/'] = parts.routeKey.split(' ');
  const authorizer = parts.authorizer === undefined ? administrator : parts.authorizer;
  return {
    version: '2.0',
    routeKey: parts.routeKey,
    rawPath: path,
    rawQueryString: new URLSearchParams(parts.query).toString(),
    headers: { 'content-type': 'application/json', ...parts.headers },
    ...(parts.query === undefined ? {} : { queryStringParameters: { ...parts.query } }),
    ...(parts.pathParameters === undefined ? {} : { pathParameters: { ...parts.pathParameters } }),
    requestContext: {
      accountId: '000000000000',
      apiId: 'test',
      domainName: 'localhost',
      domainPrefix: 'localhost',
      http: { method, path, protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'test' },
      requestId: 'request-1',
      routeKey: parts.routeKey,
      stage: '$default',
      time: '23/Nov/2026:10:00:00 +0000',
      timeEpoch: testNowMs,
      authorizer: { lambda: authorizer },
    },
    ...(parts.body === undefined ? {} : { body: parts.body }),
    isBase64Encoded: parts.isBase64Encoded ?? false,
  };
}

/** A POST of a batch of events. */
export function batchEvent(
  events: readonly unknown[],
  parts: Omit<HttpEventParts, 'routeKey'> = {},
): HttpEvent {
  const routeKey = 'POST /api/v1/usage/events/batch';
  return httpEvent({ routeKey, body: JSON.stringify({ events }), ...parts });
}

/** One usage event as a client sends it. */
export function usageBody(fields: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    organization_id: 'org_1',
    metric_name: 'api_calls',
    quantity: 1,
    idempotency_key: 'key-1',
    timestamp: '2026-11-23T09:59:58.123Z',
    ...fields,
  };
}

/** A Lambda context with `remainingMs` left. */
export function lambdaContext(remainingMs = 30_000): Context {
  return {
    callbackWaitsForEmptyEventLoop: false,
    functionName: 'test',
    functionVersion: '1',
    invokedFunctionArn: 'arn:aws:lambda:eu-central-1:000000000000:function:test',
    memoryLimitInMB: '1024',
    awsRequestId: 'request-1',
    logGroupName: 'test',
    logStreamName: 'test',
    getRemainingTimeInMillis: () => remainingMs,
    done: () => undefined,
    fail: () => undefined,
    succeed: () => undefined,
  };
}

/** Members of answers that tests look at; what they hold is for the test to say. */
interface AnswerBody {
  readonly accepted?: unknown;
  readonly rejected?: unknown;
  readonly receipt?: unknown;
  readonly receipts?: unknown;
  readonly generated_keys?: unknown;
  readonly warning?: unknown;
  readonly code?: unknown;
  readonly errors?: unknown;
}

/** The parsed body of an answer. */
export function bodyOf(result: HttpResult): AnswerBody {
  const body: unknown = JSON.parse(result.body ?? 'null');
  if (typeof body !== 'object' || body === null) throw new Error('the answer has no JSON object');
  return { ...body };
}
