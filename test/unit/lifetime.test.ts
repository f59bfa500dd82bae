import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { credentialsRenewalMs } from '../../shared/limits.ts';
import { type Lifetime, renewable } from '../../shared/runtime/lifetime.ts';
import { systemClock } from '../../shared/runtime/process/system-clock.ts';

const secretsGone = new Error('no secrets');
let starts: Lifetime[];
let closed: number[];
/** Whether the next start fails. */
let fails: boolean;

/** Each start makes one client and answers its number. */
const start = () =>
  renewable(systemClock, async (lifetime) => {
    const number = starts.push(lifetime);
    lifetime.keep({ close: async () => void closed.push(number) });
    if (fails) throw secretsGone;
    return number;
  });

beforeEach(() => {
  vi.useFakeTimers();
  [starts, closed, fails] = [[], [], false];
});
afterEach(() => {
  vi.useRealTimers();
});

it('invocations at once share one start, and later ones keep it', async () => {
  const started = start();
  expect(await Promise.all([started(), started()])).toEqual([1, 1]);
  expect(await started()).toBe(1);
});

it('a start that fails closes what it made, and the next invocation tries again', async () => {
  fails = true;
  const started = start();
  await expect(started()).rejects.toBe(secretsGone);
  expect(closed).toEqual([1]);
  fails = false;
  expect(await started()).toBe(2);
});

it('refused credentials are renewed by the next invocation, and the old clients are closed then', async () => {
  const started = start();
  await started();
  starts[0]?.onRefused();
  expect(closed).toEqual([]);
  expect(await started()).toBe(2);
  expect(closed).toEqual([1]);
  expect(await started()).toBe(2);
});

it('a renewal that is refused again waits its time', async () => {
  const started = start();
  await started();
  starts[0]?.onRefused();
  await started();
  starts[1]?.onRefused();
  vi.advanceTimersByTime(credentialsRenewalMs - 1);
  expect(await started()).toBe(2);
  vi.advanceTimersByTime(1);
  expect(await started()).toBe(3);
  expect(closed).toEqual([1, 2]);
});

it('while a renewal fails the old clients serve, and it is tried again', async () => {
  const started = start();
  await started();
  starts[0]?.onRefused();
  fails = true;
  await expect(started()).rejects.toBe(secretsGone);
  expect(await started()).toBe(1);
  expect(closed).toEqual([2]);
  fails = false;
  vi.advanceTimersByTime(credentialsRenewalMs);
  expect(await started()).toBe(3);
  expect(closed).toEqual([2, 1]);
});

it('who was closed already is refused without effect', async () => {
  const started = start();
  await started();
  starts[0]?.onRefused();
  await started();
  starts[0]?.onRefused();
  vi.advanceTimersByTime(credentialsRenewalMs);
  expect(await started()).toBe(2);
});
