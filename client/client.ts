/**
 * The HTTP client of Odometer. It adds missing timestamps and keys once, before the first attempt, and sends the very
 * same bytes again after a transient failure: so a batch is counted once however often it is sent.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { type Dispatcher, Pool } from 'undici';
import { dayOf, formatDay } from '../shared/events/calendar.ts';
import { parseRetryAfter, type RetryPolicy, retryDelayMs, retryPolicyDefault } from './back-off.ts';
import type { BatchResult, ClientEvent, SummaryBody } from './bodies.ts';
import { type ProblemBody, RequestFailed, rejectedFrom } from './request-failed.ts';

export interface ClientOptions {
  /** Without a path: `http://localhost:8001`. */
  readonly url: string;
  readonly token?: string;
  readonly connections?: number;
  /** How long one attempt may take. */
  readonly timeoutMs?: number;
  readonly retry?: RetryPolicy;
  /** Called with the reason of every failed attempt that is tried again. */
  readonly onRetry?: (reason: string) => void;
}

export interface Client {
  /** Sends up to 1,000 events. Throws `RequestFailed` when the batch itself is refused or the retries are used up. */
  sendBatch(events: readonly ClientEvent[]): Promise<BatchResult>;
  /** Committed totals over inclusive UTC days, `YYYY-MM-DD`. */
  // Same type: the API refuses a name for a date, and a period that ends before it starts.
  summary(organization: string, startDate: string, endDate: string): Promise<SummaryBody>;
  /** Resolves once everything accepted for the organization before `sinceMs` (server time) is committed. */
  waitUntilComplete(
    organization: string,
    sinceMs: number,
    options?: { readonly timeoutMs?: number },
  ): Promise<SummaryBody>;
  close(): Promise<void>;
}

const connectionsDefault = 8;
const timeoutMsDefault = 30_000;
const completeTimeoutMsDefault = 120_000;
const completePollMs = 200;

export function createClient(options: ClientOptions): Client {
  const pool = new Pool(options.url, { connections: options.connections ?? connectionsDefault });
  const send = (request: PlainRequest) => sendUntilAnswered(pool, options, request);
  const summary: Client['summary'] = async (organization, startDate, endDate) => {
    const query = new URLSearchParams({ start_date: startDate, end_date: endDate });
    const path = `/api/v1/usage/summary/${encodeURIComponent(organization)}?${query}`;
    // What the API answers with 200 is its summary; the contract tests hold it to that.
    return (await send({ method: 'GET', path })) as SummaryBody;
  };
  return {
    sendBatch: (events) => sendBatch(send, events),
    summary,
    async waitUntilComplete(organization, sinceMs, { timeoutMs = completeTimeoutMsDefault } = {}) {
      const giveUpMs = performance.now() + timeoutMs;
      for (;;) {
        const today = formatDay(dayOf(Date.now()));
        const body = await summary(organization, today, today);
        const through = body.freshness.complete_through;
        if (through !== null && Date.parse(through) >= sinceMs) return body;
        if (performance.now() >= giveUpMs) {
          const still = `complete through ${through}, observed at ${body.freshness.observed_at}`;
          throw new RequestFailed(`${organization} is not committed after ${timeoutMs} ms: ${still}`);
        }
        await setTimeout(completePollMs);
      }
    },
    close: () => pool.close(),
  };
}

interface PlainRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: string;
}

type Send = (request: PlainRequest) => Promise<unknown>;

async function sendBatch(send: Send, events: readonly ClientEvent[]): Promise<BatchResult> {
  const timestamp = new Date().toISOString();
  const complete = events.map((event) =>
    event.timestamp !== undefined && event.idempotency_key !== undefined
      ? event
      : { timestamp, idempotency_key: randomUUID(), ...event },
  );
  const body = JSON.stringify({ events: complete });
  try {
    // What the API answers with 202 or 207 is its batch result; the contract tests hold it to that.
    return (await send({ method: 'POST', path: '/api/v1/usage/events/batch', body })) as BatchResult;
  } catch (error) {
    const rejected = error instanceof RequestFailed ? rejectedFrom(error, events.length) : null;
    if (rejected === null) throw error;
    return { accepted: 0, rejected, receipts: [] };
  }
}

/** One attempt's end: an answer, or a failure that may be tried again after a while. */
type Attempt =
  | { readonly kind: 'answered'; readonly body: unknown }
  | { readonly kind: 'again'; readonly failure: RequestFailed; readonly retryAfterMs: number | null };

async function sendUntilAnswered(
  pool: Pool,
  options: ClientOptions,
  request: PlainRequest,
): Promise<unknown> {
  const policy = options.retry ?? retryPolicyDefault;
  for (let attempt = 1; ; attempt++) {
    const end = await sendOnce(pool, options, request);
    if (end.kind === 'answered') return end.body;
    if (attempt >= policy.attemptsMax) throw end.failure;
    options.onRetry?.(end.failure.message);
    await setTimeout(
      retryDelayMs(policy, { attempt, retryAfterMs: end.retryAfterMs, random: Math.random() }),
    );
  }
}

async function sendOnce(pool: Pool, options: ClientOptions, request: PlainRequest): Promise<Attempt> {
  const timeoutMs = options.timeoutMs ?? timeoutMsDefault;
  const headers = {
    accept: 'application/json',
    ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
    ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
  };
  let response: Dispatcher.ResponseData;
  let text: string;
  try {
    response = await pool.request({ ...request, headers, headersTimeout: timeoutMs, bodyTimeout: timeoutMs });
    text = await response.body.text();
  } catch (cause) {
    // No answer: refused, reset or late. Whether the server did the work is unknown, which is why keys repeat.
    const reason = reasonOf(cause);
    const failure = new RequestFailed(`${request.path} was not answered: ${reason}`, { cause });
    return { kind: 'again', failure, retryAfterMs: null };
  }
  return fromAnswer(request, response, text);
}

/** An address with several connections fails with a message-less error that only has a code. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.message === '' ? String(Reflect.get(cause, 'code')) : cause.message;
}

function fromAnswer(request: PlainRequest, response: Dispatcher.ResponseData, text: string): Attempt {
  const { statusCode, headers } = response;
  const body = parseBody(text);
  if (statusCode >= 200 && statusCode < 300 && body !== undefined) return { kind: 'answered', body };
  // Any JSON object is looked at as a problem; every member of it is optional.
  const problem = typeof body === 'object' && body !== null ? (body as ProblemBody) : {};
  const said = problem.detail ?? problem.title ?? text.slice(0, 200);
  const failure = new RequestFailed(`${request.path} answered ${statusCode}: ${said}`, {
    statusCode,
    problem,
  });
  if (statusCode !== 429 && statusCode < 502) throw failure;
  const retryAfter = headers['retry-after'];
  const header = Array.isArray(retryAfter) ? retryAfter[0] : retryAfter;
  return { kind: 'again', failure, retryAfterMs: parseRetryAfter(header, Date.now()) };
}

function parseBody(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
