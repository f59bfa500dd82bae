import type { Scope } from '../../shared/callers/caller.ts';
import { verifiedTokenAgeMsMax, verifiedTokensMax } from '../../shared/limits.ts';

/** What a verified token grants. */
export interface CallerGrant {
  readonly callerId: string;
  readonly scopes: readonly Scope[];
  readonly organizations: 'all' | readonly string[];
  readonly keysRequired: boolean;
}

/**
 * What was granted to tokens that were verified a moment ago, by the tokens' SHA-256: a signature is then checked
 * once a minute, not once a request. Invalid tokens are not kept: a key that is unknown now may be known a moment
 * later.
 */
export class VerifiedTokens {
  readonly #grants = new Map<string, { readonly grant: CallerGrant; readonly untilMs: number }>();

  find(digest: string, nowMs: number): CallerGrant | null {
    const found = this.#grants.get(digest);
    if (found === undefined) return null;
    if (nowMs < found.untilMs) return found.grant;
    this.#grants.delete(digest);
    return null;
  }

  keep(
    digest: string,
    grant: CallerGrant,
    time: { readonly expiresAtMs: number; readonly nowMs: number },
  ): void {
    const untilMs = Math.min(time.nowMs + verifiedTokenAgeMsMax, time.expiresAtMs);
    this.#grants.set(digest, { grant, untilMs });
    // A Map lists its keys in the order of insertion: the first is the oldest.
    const [oldest] = this.#grants.keys();
    if (this.#grants.size > verifiedTokensMax && oldest !== undefined) this.#grants.delete(oldest);
  }
}
