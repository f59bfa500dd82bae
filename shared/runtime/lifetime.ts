/**
 * A function's clients are made once, at its first invocation, and kept. When a server refuses the credentials that
 * they were made with, the next invocation makes new ones from secrets that are read again:
 *
 *   none      --invocation--> starting --done--> serving --a server refuses--> refused
 *   starting  --fails--> none: this invocation fails, the next one tries again
 *   refused   --invocation, none renewed in the last 30 s--> renewing --done--> serving; the old clients are closed
 *   renewing  --fails--> refused: this invocation fails, the old clients serve the next ones
 */
import { credentialsRenewalMs } from '../limits.ts';
import { systemClock } from './process/system-clock.ts';

interface Client {
  close(): Promise<void>;
}

/** What a start is given: how its clients say that they were refused, and where they are kept until they are old. */
export interface Lifetime {
  readonly refused: () => void;
  /** Answers the client. */
  readonly keep: <Kept extends Client>(client: Kept) => Kept;
}

/** What `start` makes, for each invocation to ask for. */
export function renewable<T>(start: (lifetime: Lifetime) => Promise<T>): () => Promise<T> {
  let current: Span<T> | undefined;
  let renewedMs = Number.NEGATIVE_INFINITY;
  return () => {
    const before = current;
    const nowMs = systemClock.now();
    const renews = before?.wasRefused === true && nowMs - renewedMs >= credentialsRenewalMs;
    if (before !== undefined && !renews) return before.value;
    if (renews) renewedMs = nowMs;
    const span = new Span(start);
    current = span;
    span.value.then(
      () => before?.close(),
      () => {
        current = before;
      },
    );
    return span.value;
  };
}

/** One start with the clients that it made. */
class Span<T> implements Lifetime {
  readonly value: Promise<T>;
  wasRefused = false;
  readonly #clients: Client[] = [];

  constructor(start: (lifetime: Lifetime) => Promise<T>) {
    this.value = start(this).catch(async (error: unknown) => {
      await this.close();
      throw error;
    });
  }

  readonly refused = (): void => {
    this.wasRefused = true;
  };

  readonly keep = <Kept extends Client>(client: Kept): Kept => {
    this.#clients.push(client);
    return client;
  };

  /** Clients whose end fails are as gone as the others. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#clients.map((client) => client.close()));
  }
}
