/**
 * JSON Web Tokens by jose. The algorithms are a fixed list made of the keys that there are, and each algorithm
 * has its own kind of key: HS256 is only ever checked against the secret, RS256 and ES256 only against the
 * issuer's key set. So `none` is refused, and a public key is never taken for a secret.
 */
import { errors, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { OdometerError } from '../../errors.ts';
import { tokenClockToleranceSeconds } from '../../limits.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { TokenProblem, TokenVerdict, TokenVerifier } from '../token-verifier.ts';
import { KeySet } from './key-set.ts';

export interface TokenVerifierSettings {
  readonly issuer: string;
  readonly audience: string;
  /** HS256 where there is one. */
  readonly secret: Uint8Array | undefined;
  /** Taken as well while the issuer changes to `secret`. */
  readonly previousSecret?: Uint8Array | undefined;
  /** RS256 and ES256 where there is one. */
  readonly jwksUrl: URL | undefined;
}

const symmetric = 'HS256';
const asymmetric: readonly string[] = ['RS256', 'ES256'];
const millisecondsPerSecond = 1000;

/** Verifies tokens of one issuer for one audience; fetches the key set when it is first needed. */
export function createTokenVerifier(
  settings: TokenVerifierSettings,
  clock: Pick<Clock, 'now' | 'monotonic'>,
): TokenVerifier {
  const { issuer, audience, secret, previousSecret, jwksUrl } = settings;
  const algorithms = [
    ...(secret === undefined ? [] : [symmetric]),
    ...(jwksUrl === undefined ? [] : asymmetric),
  ];
  const keySet = jwksUrl === undefined ? undefined : new KeySet(jwksUrl, clock);
  const verifyBy = async (token: string, getKey: JWTVerifyGetKey): Promise<TokenVerdict> => {
    try {
      const { payload } = await jwtVerify(token, getKey, {
        algorithms,
        issuer,
        audience,
        currentDate: new Date(clock.now()),
        clockTolerance: tokenClockToleranceSeconds,
        requiredClaims: ['exp', 'sub'],
      });
      const expiresAtMs = Number(payload.exp) * millisecondsPerSecond;
      return { kind: 'verified', claims: payload, expiresAtMs };
    } catch (error) {
      return toVerdict(error);
    }
  };
  return {
    async verify(token) {
      const verdict = await verifyBy(token, keysOf(secret, keySet));
      const signature = verdict.kind === 'invalid' && verdict.code === 'token_signature_invalid';
      // Without the key set: what that refused is not asked again.
      if (!signature || previousSecret === undefined) return verdict;
      const second = await verifyBy(token, keysOf(previousSecret, undefined));
      return second.kind === 'invalid' && second.code === 'token_algorithm_refused' ? verdict : second;
    },
  };
}

function keysOf(secret: Uint8Array | undefined, keySet: KeySet | undefined): JWTVerifyGetKey {
  return (header, token) => {
    if (header.alg === symmetric && secret !== undefined) return secret;
    if (asymmetric.includes(header.alg) && keySet !== undefined) return keySet.keyOf(header, token);
    throw new errors.JOSEAlgNotAllowed('there is no key for this algorithm');
  };
}

const problemsByClaim: Readonly<Record<string, TokenProblem>> = {
  iss: 'token_wrong_issuer',
  aud: 'token_wrong_audience',
  nbf: 'token_not_yet_valid',
};

/** Total: a token that is wrong is a verdict; keys that cannot be fetched are a transient error. */
function toVerdict(error: unknown): TokenVerdict {
  const code = problemOf(error);
  if (code !== null) return { kind: 'invalid', code };
  throw new OdometerError('token_keys_unavailable', "the issuer's keys cannot be fetched", {
    retryable: true,
    cause: error,
  });
}

function problemOf(error: unknown): TokenProblem | null {
  if (error instanceof errors.JWTExpired) return 'token_expired';
  if (error instanceof errors.JWTClaimValidationFailed) {
    const named = problemsByClaim[error.claim];
    return error.reason === 'check_failed' && named !== undefined ? named : 'token_claim_invalid';
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return 'token_algorithm_refused';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'token_signature_invalid';
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys)
    return 'token_key_unknown';
  if (error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid) return 'token_malformed';
  if (error instanceof errors.JOSENotSupported) return 'token_algorithm_refused';
  return null;
}
