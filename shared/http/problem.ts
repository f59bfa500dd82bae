/** Problem details (RFC 9457): the one shape of every answer that is not a success. */
import type { APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import type { ErrorCode, OdometerError } from '../errors.ts';

/** What is wrong with one event, parameter or field; `index` counts events of a batch from 0. */
export interface FieldProblem {
  readonly index?: number;
  readonly field: string;
  readonly code: string;
  readonly message: string;
}

/** `code` is stable and made for programs; `detail` is a sentence made for people. */
export interface Problem {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly errors?: readonly FieldProblem[];
  readonly retryAfterSeconds?: number;
  /** Header fields of this answer alone. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Further members, such as the keys that the server made. */
  readonly members?: Readonly<Record<string, unknown>>;
}

const titles: Readonly<Record<number, string>> = {
  400: 'The request is not valid',
  401: 'Authentication is required',
  403: 'The caller may not do this',
  404: 'There is nothing at this address',
  413: 'The request is too large',
  415: 'The media type is not supported',
  429: 'Too many requests',
  500: 'Something went wrong on our side',
  503: 'The service cannot take this request now',
};

/** How long a client is asked to wait before it repeats a request. */
const retryAfterSecondsDefault = 1;

// Same type: a code is one word, a detail is a sentence; golden answers hold both.
export function problem(
  status: number,
  code: string,
  detail: string,
  rest: Pick<Problem, 'errors' | 'retryAfterSeconds' | 'headers' | 'members'> = {},
): Problem {
  return { status, code, title: titles[status] ?? 'The request failed', detail, ...rest };
}

export const internalProblem = problem(500, 'internal', 'The failure was logged under this request id.');

/** What answers say of our own failures. Messages of the errors themselves name hosts, so they are only logged. */
const retryableDetails: Partial<Record<ErrorCode, string>> = {
  overloaded: 'Too many events are in flight. Repeat the request with the same keys and timestamps.',
  log_unavailable:
    'Some, all or none of the events are stored. Repeat the request with the same keys and timestamps.',
  shard_unavailable: 'The database of this organization does not answer.',
};

/** 503 for what a repetition can heal, else 500. */
export function errorProblem(error: OdometerError): Problem {
  if (!error.retryable) return internalProblem;
  const detail = retryableDetails[error.code] ?? 'A part of the service does not answer.';
  return problem(503, error.code, detail, { retryAfterSeconds: retryAfterSecondsDefault });
}

/** The HTTP response of a problem. */
export function toHttpProblem(found: Problem, requestId: string): APIGatewayProxyStructuredResultV2 {
  const { status, code, title, detail, errors, retryAfterSeconds, members } = found;
  const headers: Record<string, string> = {
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
    ...found.headers,
  };
  if (retryAfterSeconds !== undefined) headers['retry-after'] = String(retryAfterSeconds);
  if (status === 401) headers['www-authenticate'] = 'Bearer';
  const type = `urn:odometer:problem:${code}`;
  const body = { type, title, status, code, detail, request_id: requestId, errors, ...members };
  return { statusCode: status, headers, body: JSON.stringify(body) };
}
