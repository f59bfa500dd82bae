import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { OdometerError } from '../../shared/errors.ts';
import { httpEntry } from '../../shared/http/entry.ts';
import type { HttpHandler } from '../../shared/http/stack.ts';
import { lateAnswerMs } from '../../shared/limits.ts';
import { bodyOf, httpEvent, lambdaContext } from '../harness/builders/handlers.ts';
import { FakeLogger } from '../harness/fakes/logger.ts';

const event = httpEvent({ routeKey: 'GET /x' });
const answers: HttpHandler = async () => ({ statusCode: 200, body: '{}' });
const never = () => new Promise<never>(() => undefined);

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubEnv('LOG_LEVEL', 'silent');
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

it('a function that cannot start for now answers 503 with Retry-After, and starts when it can', async () => {
  const unread = new OdometerError('secrets_unavailable', 'no answer', { retryable: true });
  const start = vi.fn().mockRejectedValueOnce(unread).mockResolvedValue(answers);
  const entry = httpEntry({ logger: new FakeLogger(), started: start });
  const result = await entry(event, lambdaContext());
  expect(result).toMatchObject({ statusCode: 503, headers: { 'retry-after': '1' } });
  expect(bodyOf(result)).toMatchObject({ code: 'secrets_unavailable', request_id: 'request-1' });
  expect(await entry(event, lambdaContext())).toMatchObject({ statusCode: 200 });
});

it('a function that can never start fails its invocation', async () => {
  const wrong = new OdometerError('config_invalid', 'wrong', { retryable: false });
  const entry = httpEntry({ logger: new FakeLogger(), started: () => Promise.reject(wrong) });
  await expect(entry(event, lambdaContext())).rejects.toBe(wrong);
});

it.each([
  ['a start', () => never()],
  ['a request', async () => never],
])('%s that takes too long is answered with 503 before the invocation ends', async (_, start) => {
  const answer = httpEntry({ logger: new FakeLogger(), started: start })(event, lambdaContext(29_000));
  await vi.advanceTimersByTimeAsync(29_000 - lateAnswerMs + 1);
  const result = await answer;
  expect(result).toMatchObject({ statusCode: 503, headers: { 'retry-after': '1' } });
  expect(bodyOf(result).code).toBe('timeout');
});

it('an answer in time leaves no timer behind', async () => {
  await httpEntry({ logger: new FakeLogger(), started: async () => answers })(event, lambdaContext());
  expect(vi.getTimerCount()).toBe(0);
});
