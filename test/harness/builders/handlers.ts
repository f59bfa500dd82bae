/** Builders with defaults for tests of the HTTP edge: events, callers, contexts, a clock and a log that obey. */
import type { Context } from 'aws-lambda';
import type { AuthorizerContext } from '../../../shared/callers/http-caller.ts';
import { OdometerError } from '../../../shared/errors.ts';
import type { HttpEvent, HttpResult } from '../../../shared/http/stack.ts';
import type { Append, Appended, EventLogWriter } from '../../../shared/log/event-log.ts';
import type { Clock } from '../../../shared/runtime/clock.ts';
import type { Logger } from '../../../shared/runtime/logger.ts';

export const testNowMs = Date.UTC(2026, 10, 23, 10);

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

/** A clock that does not go on until a test moves it. */
export class FakeClock implements Clock {
  #nowMs = testNowMs;
  #sleepers: { readonly atMs: number; readonly wake: () => void }[] = [];

  now(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((wake) => {
      this.#sleepers.push({ atMs: this.#nowMs + ms, wake });
    });
  }

  /** Moves the time and lets everything that it wakes run. */
  async advance(ms: number): Promise<void> {
    this.#nowMs += ms;
    const due = this.#sleepers.filter(({ atMs }) => atMs <= this.#nowMs);
    this.#sleepers = this.#sleepers.filter(({ atMs }) => atMs > this.#nowMs);
    for (const { wake } of due) wake();
    await settled();
  }
}

/** Resolves after everything that can run without time passing has run. */
export async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

interface HeldAppend {
  readonly records: readonly Append[];
  readonly acknowledge: () => Promise<void>;
  readonly fail: () => Promise<void>;
}

/** A log in memory. With `hold`, appends wait for the test to acknowledge or fail them. */
export class FakeLog implements EventLogWriter {
  readonly appends: HeldAppend[] = [];
  readonly laneOf: (partition: number) => number;
  readonly #hold: boolean;
  readonly #ends = new Map<number, number>();

  constructor(options: { readonly hold?: boolean; readonly laneOf?: (partition: number) => number } = {}) {
    this.#hold = options.hold ?? false;
    this.laneOf = options.laneOf ?? (() => 0);
  }

  async append(records: readonly Append[]): Promise<readonly Appended[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly Appended[]>();
    const held: HeldAppend = {
      records,
      acknowledge: () => {
        resolve(records.map(({ partition }) => ({ partition, offset: this.#nextOffset(partition) })));
        return settled();
      },
      fail: () => {
        reject(new OdometerError('log_unavailable', 'the test failed this append', { retryable: true }));
        return settled();
      },
    };
    this.appends.push(held);
    if (!this.#hold) void held.acknowledge();
    return promise;
  }

  async close(): Promise<void> {}

  #nextOffset(partition: number): number {
    const offset = this.#ends.get(partition) ?? 0;
    this.#ends.set(partition, offset + 1);
    return offset;
  }
}

/** Keeps what is logged at warn and above. */
export class FakeLogger implements Logger {
  readonly lines: {
    readonly level: string;
    readonly fields: Record<string, unknown>;
    readonly message: string;
  }[] = [];

  debug(): void {}

  info(): void {}

  warn(fields: Record<string, unknown>, message: string): void {
    this.lines.push({ level: 'warn', fields, message });
  }

  error(fields: Record<string, unknown>, message: string): void {
    this.lines.push({ level: 'error', fields, message });
  }
}
