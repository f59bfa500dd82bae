import { setTimeout as delay } from 'node:timers/promises';
import type { Clock, MonotonicMs } from '../../../shared/runtime/clock.ts';

/** A busy machine must not make a budget end sooner: a real second counts as a quarter of one. */
const realShare = 0.25;
const sleepMs = 5;
/** A pause is longer than was asked, as on a slow machine: what one pass does not do, three do. */
const sleepFactor = 4;

/**
 * A clock for what works by minutes and is to be tested in seconds: what is slept is over at once, and the script says
 * what date it is.
 */
export class SkewedClock implements Clock {
  readonly #startMs = performance.now();
  readonly #date: () => number;
  #skewMs = 0;

  constructor(date: () => number) {
    this.#date = date;
  }

  now(): number {
    return this.#date();
  }

  monotonic(): MonotonicMs {
    // A moment of this clock, as a test may make one.
    return ((performance.now() - this.#startMs) * realShare + this.#skewMs) as MonotonicMs;
  }

  async sleep(ms: number): Promise<void> {
    const endMs = this.monotonic() + sleepFactor * ms;
    // Others go on meanwhile, and so does the world outside.
    await delay(sleepMs);
    this.advanceTo(endMs);
  }

  /** No earlier than this any more. */
  advanceTo(ms: number): void {
    this.#skewMs += Math.max(0, ms - this.monotonic());
  }
}
