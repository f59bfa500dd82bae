import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { within } from '../../shared/runtime/within.ts';

const never = () => new Promise<never>(() => undefined);
/** The limit, and the turn of the event loop in which a waiting answer still counts. */
const limitPassedMs = 1_001;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

it('work in time settles as it is, and leaves no timer behind', async () => {
  expect(await within(Promise.resolve('done'), 1_000, () => 'late')).toBe('done');
  await expect(within(Promise.reject(new Error('broken')), 1_000, () => 'late')).rejects.toThrow('broken');
});

it('work that takes longer is answered for, with a value or an error', async () => {
  const answer = within(never(), 1_000, () => 'late');
  const failure = within(never(), 1_000, () => {
    throw new Error('late');
  }).catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(limitPassedMs);
  expect(await answer).toBe('late');
  expect(await failure).toEqual(new Error('late'));
});

it('work that fails after its time is ignored', async () => {
  let fail: (error: Error) => void = () => undefined;
  const work = new Promise<never>((_, reject) => {
    fail = reject;
  });
  const answer = within(work, 1_000, () => 'late');
  await vi.advanceTimersByTimeAsync(limitPassedMs);
  expect(await answer).toBe('late');
  fail(new Error('too late'));
});
