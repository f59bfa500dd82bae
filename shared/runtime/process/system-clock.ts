import { setTimeout } from 'node:timers/promises';
import type { Clock } from '../clock.ts';

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms) => {
    await setTimeout(ms);
  },
};
