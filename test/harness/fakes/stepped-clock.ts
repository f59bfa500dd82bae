/**
 * A wall clock that somebody sets by an hour, each way, in the middle of a run. What the run does, and when, must be
 * what it does under a clock that nobody sets.
 */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { FakeClock } from './clock.ts';

export const hourMs = 60 * 60 * 1000;

export interface Time {
  readonly clock: FakeClock;
  /** Sets the wall clock, that of the process as well. */
  readonly step: () => void;
}

/** A run, and what it shows whatever the wall clock does. */
export type TimedRun = readonly [name: string, run: (time: Time) => Promise<unknown>, shows: unknown];

/** A time whose wall clock is set by so much when a run says so. */
export function timeOf(ms: number): Time {
  const clock = new FakeClock();
  const wall = Date.now;
  const step = () => {
    clock.step(ms);
    if (vi.isFakeTimers()) vi.setSystemTime(Date.now() + ms);
    else vi.spyOn(Date, 'now').mockImplementation(() => wall() + ms);
  };
  return { clock, step };
}

/** Lets `ms` pass in small parts, as a machine does. */
// Same type: the whole before its parts, which are usually the same.
export async function pass(clock: FakeClock, ms: number, partMs = 250): Promise<void> {
  for (let passed = 0; passed < ms; passed += partMs) await clock.advance(Math.min(partMs, ms - passed));
}

/** Tests each run with each clock. */
export function describeRuns(runs: readonly TimedRun[]): void {
  afterEach(() => {
    vi.restoreAllMocks();
    vi.useRealTimers();
  });
  describe.each([
    ['not set', 0],
    ['set ahead by an hour', hourMs],
    ['set back by an hour', -hourMs],
  ])('the wall clock is %s', (_how, ms) => {
    it.each(runs)('%s', async (_name, run, shows) => {
      expect(await run(timeOf(ms))).toEqual(shows);
    });
  });
}
