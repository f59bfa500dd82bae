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
import type { Clock } from './clock.ts';

interface Client {
  close(): Promise<void>;
}

/** The time during which the clients of one start are used. */
export interface Lifetime {
  /** Clients call it when a server refuses their credentials. */
  readonly onRefused: () => void;
  /** Closes the client at the end of this lifetime; returns it. */
  readonly keep: <Kept extends Client>(client: Kept) => Kept;
}

/** Gives each invocation what `start` made, and starts again where credentials were refused. */
export function renewable<T>(
  clock: Pick<Clock, 'monotonic'>,
  start: (lifetime: Lifetime) => Promise<T>,
): () => Promise<T> {
  let current: Span<T> | undefined;
  let renewedMs = Number.NEGATIVE_INFINITY;
  return () => {
    const before = current;
    const atMs = clock.monotonic();
    const renews = before?.wasRefused === true && atMs - renewedMs >= credentialsRenewalMs;
    if (before !== undefined && !renews) return before.value;
    if (renews) renewedMs = atMs;
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

/** Uses clients for the length of one call, and closes them. */
export async function withLifetime<T>(use: (lifetime: Lifetime) => Promise<T>): Promise<T> {
  const span = new Span(use);
  try {
    return await span.value;
  } finally {
    await span.close();
  }
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

  readonly onRefused = (): void => {
    this.wasRefused = true;
  };

  readonly keep = <Kept extends Client>(client: Kept): Kept => {
    this.#clients.push(client);
    return client;
  };

  /** A client that fails to close is not used again either. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#clients.splice(0).map((client) => client.close()));
  }
}
