import type { Clock } from '../../../shared/runtime/clock.ts';

export const testNowMs = Date.UTC(2026, 10, 23, 10);

/** A clock that does not move until a test moves it. */
export class FakeClock implements Clock {
  #nowMs = testNowMs;
  #sleepers: { readonly atMs: number; readonly wake: () => void }[] = [];

  now(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((wake) => {
      this.#sleepers.push({ atMs: this.#nowMs + ms, wake });
    });
  }

  /** Moves the time and lets everything that it wakes run. */
  async advance(ms: number): Promise<void> {
    this.#nowMs += ms;
    const due = this.#sleepers.filter(({ atMs }) => atMs <= this.#nowMs);
    this.#sleepers = this.#sleepers.filter(({ atMs }) => atMs > this.#nowMs);
    for (const { wake } of due) wake();
    await settled();
  }
}

/** Resolves after everything that can run without time passing has run. */
export async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
