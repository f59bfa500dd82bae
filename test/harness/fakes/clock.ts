import type { Clock, MonotonicMs } from '../../../shared/runtime/clock.ts';

export const testNowMs = Date.UTC(2026, 10, 23, 10);

/** A moment of a fake clock. */
export function momentOf(ms: number): MonotonicMs {
  // A test is its own clock.
  return ms as MonotonicMs;
}

/** A clock that does not move until a test moves it. Its monotonic moments begin at 0, as those of a process do. */
export class FakeClock implements Clock {
  #elapsedMs = 0;
  #steppedMs = 0;
  #sleepers: { readonly atMs: number; readonly wake: () => void }[] = [];

  now(): number {
    return testNowMs + this.#elapsedMs + this.#steppedMs;
  }

  monotonic(): MonotonicMs {
    return momentOf(this.#elapsedMs);
  }

  sleep(ms: number): Promise<void> {
    return new Promise((wake) => {
      this.#sleepers.push({ atMs: this.#elapsedMs + ms, wake });
    });
  }

  /** Moves the time and lets everything that it wakes run. */
  async advance(ms: number): Promise<void> {
    this.#elapsedMs += ms;
    const due = this.#sleepers.filter(({ atMs }) => atMs <= this.#elapsedMs);
    this.#sleepers = this.#sleepers.filter(({ atMs }) => atMs > this.#elapsedMs);
    for (const { wake } of due) wake();
    await settled();
  }

  /** Somebody sets the wall clock ahead, or back where `ms` is negative; no time passes. */
  step(ms: number): void {
    this.#steppedMs += ms;
  }
}

/** Resolves after everything that can run without time passing has run. */
export async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
