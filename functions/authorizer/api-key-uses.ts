import type { ApiKeySource } from '../../shared/callers/api-key-source.ts';
import { failure } from '../../shared/errors.ts';
import { apiKeyUseMs, apiKeyUsesMax, apiKeyUsesPauseMs } from '../../shared/limits.ts';
import type { Clock, MonotonicMs } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/logger.ts';

/**
 * When keys were used: of each key once a minute, in one statement a second at most. No request waits for it, and what is
 * not stored when a process ends is lost: the time only says that nobody needs a key any more.
 */
export class ApiKeyUses {
  readonly #source: Pick<ApiKeySource, 'noteUses'>;
  readonly #clock: Pick<Clock, 'now' | 'monotonic'>;
  readonly #logger: Logger;
  /** By id, as many as there are keys. */
  readonly #notedMs = new Map<string, MonotonicMs>();
  readonly #waiting = new Map<string, number>();
  #sentMs: MonotonicMs | undefined;

  constructor(
    source: Pick<ApiKeySource, 'noteUses'>,
    { clock, logger }: { readonly clock: Pick<Clock, 'now' | 'monotonic'>; readonly logger: Logger },
  ) {
    this.#source = source;
    this.#clock = clock;
    this.#logger = logger;
  }

  note(id: string): void {
    const atMs = this.#clock.monotonic();
    const notedMs = this.#notedMs.get(id);
    if (notedMs === undefined || atMs - notedMs >= apiKeyUseMs) {
      this.#notedMs.set(id, atMs);
      this.#waiting.set(id, this.#clock.now());
    }
    const isPausing = this.#sentMs !== undefined && atMs - this.#sentMs < apiKeyUsesPauseMs;
    if (this.#waiting.size > 0 && !isPausing) this.#send(atMs);
  }

  #send(atMs: MonotonicMs): void {
    this.#sentMs = atMs;
    const uses = [...this.#waiting].slice(0, apiKeyUsesMax).map(([id, usedAtMs]) => ({ id, usedAtMs }));
    for (const { id } of uses) this.#waiting.delete(id);
    this.#source.noteUses(uses).catch((error: unknown) => {
      this.#logger.warn(failure(error), 'when keys were used is not stored');
    });
  }
}
