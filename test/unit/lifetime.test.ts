import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { credentialsRenewalMs, secretsAgeMsMax, secretsRetryMs } from '../../shared/limits.ts';
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

it('secrets that were replaced are noticed once a minute, by one look, and the invocation waits for new clients', async () => {
  const started = start();
  await started();
  let replaced = false;
  let looks = 0;
  starts[0]?.watch(async () => {
    looks += 1;
    return replaced;
  });
  vi.advanceTimersByTime(secretsAgeMsMax - 1);
  expect([await started(), looks]).toEqual([1, 0]);
  vi.advanceTimersByTime(1);
  expect([await Promise.all([started(), started()]), looks]).toEqual([[1, 1], 1]);
  replaced = true;
  expect(await started()).toBe(1);
  vi.advanceTimersByTime(secretsAgeMsMax);
  expect([await Promise.all([started(), started()]), looks, closed]).toEqual([[2, 2], 2, [1]]);
});

it('secrets that cannot be read go on, and are looked at sooner; so do clients that cannot be replaced', async () => {
  const started = start();
  await started();
  const answers = [Promise.reject(secretsGone), Promise.resolve(true), Promise.resolve(true)];
  let looks = 0;
  starts[0]?.watch(() => answers[looks++] ?? Promise.resolve(false));
  vi.advanceTimersByTime(secretsAgeMsMax);
  expect([await started(), looks]).toEqual([1, 1]);
  vi.advanceTimersByTime(secretsRetryMs);
  fails = true;
  await expect(started()).rejects.toBe(secretsGone);
  expect([await started(), looks]).toEqual([1, 2]);
  fails = false;
  vi.advanceTimersByTime(secretsAgeMsMax);
  expect([await started(), looks]).toEqual([3, 3]);
});
