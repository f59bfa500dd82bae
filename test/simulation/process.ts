import { dayMs } from '../../shared/limits.ts';
import type { Clock, MonotonicMs } from '../../shared/runtime/clock.ts';
import type { Scheduler } from './scheduler.ts';

/** Shortly before midnight, so that a retry without a timestamp gets another day. */
export const simulatedStartMs = Date.UTC(2026, 10, 23, 23, 59, 40);
export const simulatedDay = Math.floor(simulatedStartMs / dayMs);

/** One process or invocation of the code under test: it can freeze and go on much later, or die between two awaits. */
export class SimulatedProcess {
  readonly name: string;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  dead = false;
  frozenUntilMs = 0;
  steppedMs = 0;
  /** When the process read a partition of the log, the last two times, in points of the scheduler. */
  readonly #reads = new Map<number, readonly [number, number]>();

  constructor(name: string, scheduler: Scheduler) {
    this.name = name;
    this.scheduler = scheduler;
    this.clock = {
      now: () => simulatedStartMs + scheduler.nowMs + this.steppedMs,
      // A simulated process is as old as the history.
      monotonic: () => scheduler.nowMs as MonotonicMs,
      sleep: async (ms) => {
        await scheduler.wait(ms, `${name} sleep`);
        await this.#alive();
      },
    };
  }

  hasRead(partition: number): void {
    const [, last] = this.#reads.get(partition) ?? [0, 0];
    this.#reads.set(partition, [last, this.scheduler.points]);
  }

  /** When it read what a range is made of: of segments it reads the record below them once more. */
  readAt(partition: number, source: 'segments' | 'log'): number {
    const [before, last] = this.#reads.get(partition) ?? [0, 0];
    return source === 'segments' ? before : last;
  }

  /** One call of a port: the request travels, has its effect at one moment, and the answer travels. */
  async call<T>(label: string, effect: () => T | Promise<T>, slowMs = 0): Promise<T> {
    await this.#alive();
    await this.scheduler.wait(this.#travelMs() + slowMs, `${this.name} ${label}`);
    await this.#alive();
    const value = await effect();
    await this.scheduler.wait(this.#travelMs(), `${this.name} ${label} answered`);
    await this.#alive();
    return value;
  }

  #travelMs(): number {
    const { random } = this.scheduler;
    return random.chance(0.02) ? random.below(2000) : random.below(12);
  }

  async #alive(): Promise<void> {
    if (this.dead) await new Promise(() => undefined);
    const leftMs = this.frozenUntilMs - this.scheduler.nowMs;
    if (leftMs > 0) await this.scheduler.wait(leftMs, `${this.name} thaws`);
  }
}
