import type { Clock } from './clock.ts';

/** Adds up the milliseconds that a loop spends in each of its phases; a phase may run inside another. */
export class Stopwatch<Phase extends string> {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #spentMs = new Map<Phase, number>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** Runs the work; its time counts also when it throws. */
  async during<T>(phase: Phase, work: () => T | Promise<T>): Promise<T> {
    const startedMs = this.#clock.monotonic();
    try {
      return await work();
    } finally {
      this.#spentMs.set(phase, this.spentMs(phase) + this.#clock.monotonic() - startedMs);
    }
  }

  spentMs(phase: Phase): number {
    return this.#spentMs.get(phase) ?? 0;
  }

  reset(): void {
    this.#spentMs.clear();
  }
}
