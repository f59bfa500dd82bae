/** U1: however a request fails once its events may be stored, the answer has what a safe repetition needs. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { build } from '../../functions/ingest/handler.ts';
import { type ErrorCode, OdometerError } from '../../shared/errors.ts';
import { httpEntry } from '../../shared/http/entry.ts';
import type { HttpEvent, HttpResult } from '../../shared/http/stack.ts';
import { acceptWaitMsMax, lateAnswerMs } from '../../shared/limits.ts';
import type { EventLogWriter } from '../../shared/log/event-log.ts';
import { type Metrics, noMetrics } from '../../shared/runtime/metrics.ts';
import { batchEvent, bodyOf, httpEvent, lambdaContext, usageBody } from '../harness/builders/handlers.ts';
import { FakeClock, settled } from '../harness/fakes/clock.ts';
import { FakeLog } from '../harness/fakes/log.ts';
import { FakeLogger } from '../harness/fakes/logger.ts';

const settings = {
  receiptKey: Buffer.alloc(32, 3),
  encryptionKey: Buffer.alloc(32, 1),
  lingerMs: 0,
  envelopeVersion: 2 as const,
};
const invocationMs = 29_000;

interface Failing {
  readonly append?: () => Promise<never>;
  readonly metrics?: Metrics;
  /** Time that passes on the clock of the use case, and on that of the invocation. */
  readonly pass?: { readonly useCaseMs?: number; readonly invocationMs?: number };
}

const ours = (code: ErrorCode, retryable: boolean): Failing => ({
  append: () => Promise.reject(new OdometerError(code, 'a host that nobody must read', { retryable })),
});
const never = () => new Promise<never>(() => undefined);

/** Every code, so that a new one does not compile until it is here; and what has no code of ours. */
const kinds: Readonly<Record<ErrorCode | `not ours: ${string}`, readonly [Failing, status: number]>> = {
  log_unavailable: [ours('log_unavailable', true), 503],
  offset_out_of_range: [ours('offset_out_of_range', false), 500],
  segments_unavailable: [ours('segments_unavailable', true), 503],
  segments_evictable: [ours('segments_evictable', false), 500],
  shard_unavailable: [ours('shard_unavailable', true), 503],
  shard_refused: [ours('shard_refused', false), 500],
  wrong_shard: [ours('wrong_shard', false), 500],
  credentials_refused: [ours('credentials_refused', true), 503],
  secret_missing: [ours('secret_missing', true), 503],
  secrets_unavailable: [ours('secrets_unavailable', true), 503],
  token_keys_unavailable: [ours('token_keys_unavailable', true), 503],
  api_keys_unavailable: [ours('api_keys_unavailable', true), 503],
  config_invalid: [ours('config_invalid', false), 500],
  overloaded: [ours('overloaded', true), 503],
  invariant_broken: [ours('invariant_broken', false), 500],
  'not ours: a bug of the log': [{ append: () => Promise.reject(new TypeError('undefined is no log')) }, 500],
  'not ours: a bug after the events are stored': [{ metrics: failingMetrics() }, 500],
  'not ours: the log is silent': [{ append: never, pass: { useCaseMs: acceptWaitMsMax } }, 503],
  'not ours: the use case hangs': [{ append: never, pass: { invocationMs } }, 503],
};

const incomplete = usageBody({ idempotency_key: undefined, timestamp: undefined });
const routes: readonly (readonly [string, HttpEvent])[] = [
  ['a batch', batchEvent([usageBody(), incomplete])],
  ['one event', httpEvent({ routeKey: 'POST /api/v1/usage/events', body: JSON.stringify(incomplete) })],
];

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

describe.each(Object.entries(kinds))('%s', (_kind, [failing, status]) => {
  it.each(routes)(
    'U1: %s is answered with the keys and the stamp that the server made',
    async (route, event) => {
      const result = await answerTo(event, failing);
      expect(result.statusCode).toBe(status);
      expect(bodyOf(result)).toMatchObject({
        generated_keys: [{ index: route === 'a batch' ? 1 : 0, idempotency_key: expect.any(String) }],
        stamped_at: '2026-11-23T10:00:00.000Z',
      });
      expect(result.body).not.toContain('nobody must read');
    },
  );
});

it('a failure before anything was made has nothing to add', async () => {
  const result = await answerTo(batchEvent([usageBody()]), ours('log_unavailable', true));
  expect(result.statusCode).toBe(503);
  expect(bodyOf(result)).not.toHaveProperty('generated_keys');
  expect(bodyOf(result)).not.toHaveProperty('stamped_at');
});

async function answerTo(
  event: HttpEvent,
  { append, metrics = noMetrics, pass }: Failing,
): Promise<HttpResult> {
  const clock = new FakeClock();
  const logger = new FakeLogger();
  const log: EventLogWriter = new FakeLog();
  if (append !== undefined) log.append = append;
  const handle = build(settings, { log, clock, logger, metrics });
  const answer = httpEntry({ logger, started: async () => handle })(event, lambdaContext(invocationMs));
  await settled();
  await settled();
  for (let ms = 0; ms < (pass?.useCaseMs ?? 0); ms += 250) await clock.advance(250);
  if (pass?.invocationMs !== undefined) vi.advanceTimersByTime(pass.invocationMs - lateAnswerMs + 1);
  return answer;
}

function failingMetrics(): Metrics {
  const ingested = () => {
    throw new TypeError('a figure that is none');
  };
  return { ...noMetrics, ingested };
}
