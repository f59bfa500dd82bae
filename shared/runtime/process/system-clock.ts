import { setTimeout } from 'node:timers/promises';
import type { Clock, MonotonicMs } from '../clock.ts';

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  // Where moments of this clock begin.
  monotonic: () => performance.now() as MonotonicMs,
  sleep: async (ms) => {
    await setTimeout(ms);
  },
};
