/** Checks bearer tokens: did our issuer make this one, for us, and is it valid now? */

/** `code` is stable and may be shown to the sender of the token: it reveals nothing about keys. */
export type TokenVerdict =
  | {
      readonly kind: 'verified';
      readonly claims: Readonly<Record<string, unknown>>;
      readonly expiresAtMs: number;
    }
  | { readonly kind: 'invalid'; readonly code: TokenProblem };

export type TokenProblem =
  | 'token_malformed'
  | 'token_algorithm_refused'
  | 'token_signature_invalid'
  | 'token_key_unknown'
  | 'token_expired'
  | 'token_not_yet_valid'
  | 'token_wrong_issuer'
  | 'token_wrong_audience'
  | 'token_claim_invalid';

export interface TokenVerifier {
  /** Throws OdometerError `token_keys_unavailable` (retryable) when the issuer's keys cannot be fetched. */
  verify(token: string): Promise<TokenVerdict>;
}
