/**
 * A function's clients are made once, at its first invocation, and kept. When a server refuses the credentials that
 * they were made with, the next invocation makes new ones from secrets that are read again. No server refuses a secret
 * that we check ourselves, so whether one was replaced is looked at once a minute:
 *
 *   none      --invocation--> starting --done--> serving --a server refuses--> refused
 *   starting  --fails--> none: this invocation fails, the next one tries again
 *   serving   --invocation, not looked at for a minute--> looking --replaced--> refused, and is renewed at once
 *   looking   --the same, or they cannot be read--> serving
 *   refused   --invocation, none renewed in the last 30 s--> renewing --done--> serving; the old clients are closed
 *   renewing  --fails--> refused: this invocation fails, the old clients serve the next ones
 */
import { credentialsRenewalMs, secretsAgeMsMax, secretsRetryMs } from '../limits.ts';
import { type Clock, later, type MonotonicMs } from './clock.ts';

interface Client {
  close(): Promise<void>;
}

/** The time during which the clients of one start are used. */
export interface Lifetime {
  /** Clients call it when a server refuses their credentials. */
  readonly onRefused: () => void;
  /** `replaced` is asked once a minute, before an invocation, whether secrets were; where it throws, they go on. */
  readonly watch: (replaced: () => Promise<boolean>) => void;
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
  const serve = () => {
    const before = current;
    const atMs = clock.monotonic();
    const renews = before?.wasRefused === true && atMs - renewedMs >= credentialsRenewalMs;
    if (before !== undefined && !renews && !before.wasReplaced) return before.value;
    if (before !== undefined) {
      renewedMs = atMs;
      before.wasReplaced = false;
    }
    const span = new Span(start, atMs);
    current = span;
    span.value.then(
      () => before?.close(),
      () => {
        current = before;
      },
    );
    return span.value;
  };
  return () => {
    const looking = current?.look(clock);
    return looking === undefined ? serve() : looking.then(serve);
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
  wasReplaced = false;
  readonly #clients: Client[] = [];
  readonly #watched: (() => Promise<boolean>)[] = [];
  #lookAtMs: MonotonicMs | undefined;
  #looking: Promise<void> | undefined;

  constructor(start: (lifetime: Lifetime) => Promise<T>, startedMs?: MonotonicMs) {
    if (startedMs !== undefined) this.#lookAtMs = later(startedMs, secretsAgeMsMax);
    this.value = start(this).catch(async (error: unknown) => {
      await this.close();
      throw error;
    });
  }

  readonly onRefused = (): void => {
    this.wasRefused = true;
  };

  readonly watch = (replaced: () => Promise<boolean>): void => {
    this.#watched.push(replaced);
  };

  /** Undefined where it is too early to look; invocations at once look once. */
  look(clock: Pick<Clock, 'monotonic'>): Promise<void> | undefined {
    const atMs = clock.monotonic();
    if (this.#watched.length === 0 || this.#lookAtMs === undefined) return undefined;
    if (this.#looking === undefined && atMs >= this.#lookAtMs) {
      this.#looking = this.#look(atMs).finally(() => {
        this.#looking = undefined;
      });
    }
    return this.#looking;
  }

  async #look(atMs: MonotonicMs): Promise<void> {
    const answers = await Promise.allSettled(this.#watched.map((replaced) => replaced()));
    const failed = answers.some(({ status }) => status === 'rejected');
    this.#lookAtMs = later(atMs, failed ? secretsRetryMs : secretsAgeMsMax);
    if (answers.some((answer) => answer.status === 'fulfilled' && answer.value)) this.wasReplaced = true;
  }

  readonly keep = <Kept extends Client>(client: Kept): Kept => {
    this.#clients.push(client);
    return client;
  };

  /** A client that fails to close is not used again either. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#clients.splice(0).map((client) => client.close()));
  }
}
