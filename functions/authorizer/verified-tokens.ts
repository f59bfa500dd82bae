import type { Scope } from '../../shared/callers/caller.ts';
import { verifiedTokenAgeMsMax, verifiedTokensMax } from '../../shared/limits.ts';
import type { Clock, MonotonicMs } from '../../shared/runtime/clock.ts';

/** What a verified token grants. */
export interface CallerGrant {
  readonly callerId: string;
  readonly scopes: readonly Scope[];
  readonly organizations: 'all' | readonly string[];
  readonly keysRequired: boolean;
}

interface KeptGrant {
  readonly grant: CallerGrant;
  readonly keptMs: MonotonicMs;
  /** The token's own end, a date. */
  readonly expiresAtMs: number;
}

/**
 * What was granted to tokens that were verified a moment ago, by the tokens' SHA-256: a signature is then checked
 * once a minute, not once a request. Invalid tokens are not kept: a key that is unknown now may be known a moment
 * later.
 */
export class VerifiedTokens {
  readonly #grants = new Map<string, KeptGrant>();
  readonly #clock: Pick<Clock, 'now' | 'monotonic'>;

  constructor(clock: Pick<Clock, 'now' | 'monotonic'>) {
    this.#clock = clock;
  }

  find(digest: string): CallerGrant | null {
    const found = this.#grants.get(digest);
    if (found === undefined) return null;
    const young = this.#clock.monotonic() - found.keptMs < verifiedTokenAgeMsMax;
    if (young && this.#clock.now() < found.expiresAtMs) return found.grant;
    this.#grants.delete(digest);
    return null;
  }

  keep(digest: string, grant: CallerGrant, expiresAtMs: number): void {
    this.#grants.set(digest, { grant, expiresAtMs, keptMs: this.#clock.monotonic() });
    // A Map lists its keys in the order of insertion: the first is the oldest.
    const [oldest] = this.#grants.keys();
    if (this.#grants.size > verifiedTokensMax && oldest !== undefined) this.#grants.delete(oldest);
  }
}
