/**
 * The one source of order and chance of a history. Whatever the code under test awaits is a call that waits here, at a
 * virtual time; one call at a time goes on, so a seed gives the same history bit for bit.
 */

/** Mulberry32: small, and the same on every machine. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 to below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** A whole number from 0 to below `end`. */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  chance(share: number): boolean {
    return this.next() < share;
  }

  pick<T>(list: readonly [T, ...T[]]): T {
    return list[this.below(list.length)] ?? list[0];
  }
}

interface Due {
  readonly atMs: number;
  /** Decides by chance between calls of one millisecond. */
  readonly tie: number;
  readonly run: () => void;
}

export class Scheduler {
  readonly random: Random;
  readonly #due: Due[] = [];
  nowMs = 0;
  /** How many calls went on so far; also the time of the model, which needs an order and no clock. */
  points = 0;
  /** FNV-1a over everything that went on: two runs of one seed are equal where their traces are. */
  trace = 0x811c9dc5;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  /** Runs something after this long. */
  after(ms: number, label: string, run: () => void): void {
    const due = {
      atMs: this.nowMs + Math.max(0, Math.round(ms)),
      tie: this.random.next(),
      run: () => {
        this.note(label);
        run();
      },
    };
    let at = this.#due.length;
    while (at > 0 && isBefore(due, this.#due[at - 1])) at -= 1;
    this.#due.splice(at, 0, due);
  }

  wait(ms: number, label: string): Promise<void> {
    return new Promise((resolve) => this.after(ms, label, resolve));
  }

  note(label: string): void {
    const text = `${this.nowMs} ${label}`;
    for (let i = 0; i < text.length; i++) {
      this.trace = Math.imul(this.trace ^ text.charCodeAt(i), 0x01000193) >>> 0;
    }
  }

  /** Lets everything go on that is due until then, or until `ended` says that enough is known. */
  async runUntil(endMs: number, ended: () => boolean): Promise<void> {
    // What was begun before may not have come to its first call yet.
    await promisesSettled();
    for (;;) {
      const [next] = this.#due;
      if (next === undefined || next.atMs > endMs || ended()) break;
      this.#due.shift();
      this.nowMs = next.atMs;
      this.points += 1;
      next.run();
      await promisesSettled();
    }
    this.nowMs = Math.max(this.nowMs, endMs);
  }
}

/** All that follows without another call of a port: promises alone, because no code here has a timer of its own. */
function promisesSettled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function isBefore(a: Due, b: Due | undefined): boolean {
  return b !== undefined && (a.atMs < b.atMs || (a.atMs === b.atMs && a.tie < b.tie));
}
