/**
 * The issuer's key set, by jose, whose own ages are measured by the wall clock: so jose never looks at an age here. While
 * it cannot be fetched again, the last one goes on for some minutes:
 *
 *   none    --asked--> fetching --done--> young --a minute--> fetching
 *   young   --an unknown key id, fetched 30 s ago or earlier--> fetching
 *   fetching --fails, the last one is 11 minutes old or there is none--> fails; is fetched at the next question
 *   fetching --fails otherwise--> stale: the last one serves; fetched again in 30 s
 */
import { createRemoteJWKSet, errors, type JWTVerifyGetKey } from 'jose';
import {
  tokenKeysAgeMsMax,
  tokenKeysCooldownMs,
  tokenKeysStaleMsMax,
  tokenKeysTimeoutMs,
} from '../../limits.ts';
import type { Clock, MonotonicMs } from '../../runtime/clock.ts';

export class KeySet {
  readonly #keys: ReturnType<typeof createRemoteJWKSet>;
  readonly #clock: Pick<Clock, 'monotonic'>;
  #fetchedMs: MonotonicMs | undefined;
  #triedMs: MonotonicMs | undefined;

  constructor(url: URL, clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
    this.#keys = createRemoteJWKSet(url, {
      timeoutDuration: tokenKeysTimeoutMs,
      cooldownDuration: Number.POSITIVE_INFINITY,
      cacheMaxAge: Number.POSITIVE_INFINITY,
    });
  }

  /** The key of a token. Throws what the fetch threw where there is no set to believe. */
  readonly keyOf: JWTVerifyGetKey = async (header, token) => {
    await this.#refresh(tokenKeysAgeMsMax);
    try {
      return await this.#keys(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      // A new key may have been published meanwhile.
      await this.#refresh(tokenKeysCooldownMs);
      return this.#keys(header, token);
    }
  };

  /** Fetches a set that is this old. */
  async #refresh(ageMs: number): Promise<void> {
    if (this.#since(this.#fetchedMs) < ageMs) return;
    const stale = this.#since(this.#fetchedMs) < tokenKeysAgeMsMax + tokenKeysStaleMsMax;
    if (stale && this.#since(this.#triedMs) < tokenKeysCooldownMs) return;
    const triedMs = this.#clock.monotonic();
    this.#triedMs = triedMs;
    try {
      // Questions at once wait for one fetch.
      await this.#keys.reload();
      this.#fetchedMs = triedMs;
    } catch (error) {
      if (!stale) throw error;
    }
  }

  #since(moment: MonotonicMs | undefined): number {
    return moment === undefined ? Number.POSITIVE_INFINITY : this.#clock.monotonic() - moment;
  }
}
