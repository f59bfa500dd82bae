/** The use case: who sends a bearer token or an API key, and what may they do? */
import { hash } from 'node:crypto';
import { isApiKey } from '../../shared/callers/api-key.ts';
import { type Scope, scopes } from '../../shared/callers/caller.ts';
import type { TokenProblem, TokenVerifier } from '../../shared/callers/token-verifier.ts';
import { organizationPattern } from '../../shared/events/name-rule.ts';
import { tokenCharsMax } from '../../shared/limits.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import { type ApiKeyPorts, createCheckApiKey } from './check-api-key.ts';
import { type CallerGrant, VerifiedTokens } from './verified-tokens.ts';

/** `unauthenticated`: we do not know who this is. `forbidden`: we do, and they may do nothing here. */
export type Authorization =
  | { readonly kind: 'granted'; readonly grant: CallerGrant }
  | {
      readonly kind: 'unauthenticated';
      readonly code: 'credential_missing' | 'api_key_invalid' | TokenProblem;
    }
  | { readonly kind: 'forbidden'; readonly code: 'organizations_missing' | 'organizations_invalid' };

export interface AuthorizePorts {
  readonly tokens: TokenVerifier;
  readonly apiKeys: ApiKeyPorts;
  readonly logger: Logger;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
}

/** null: no bearer token was sent. Throws `token_keys_unavailable` or `api_keys_unavailable` (both retryable). */
export type AuthorizeCaller = (credential: string | null) => Promise<Authorization>;

/** The use case with its memory of tokens and API keys. */
export function createAuthorizeCaller(ports: AuthorizePorts): AuthorizeCaller {
  const authorizeToken = createAuthorizeToken(ports);
  const checkApiKey = createCheckApiKey(ports.apiKeys, ports);
  return async (credential) => {
    if (credential === null) return { kind: 'unauthenticated', code: 'credential_missing' };
    if (!isApiKey(credential)) return authorizeToken(credential);
    const grant = await checkApiKey(credential);
    return grant === null ? { kind: 'unauthenticated', code: 'api_key_invalid' } : { kind: 'granted', grant };
  };
}

function createAuthorizeToken({ tokens, clock }: AuthorizePorts): (token: string) => Promise<Authorization> {
  const verified = new VerifiedTokens(clock);
  return async (token) => {
    if (token.length > tokenCharsMax) return { kind: 'unauthenticated', code: 'token_malformed' };
    const digest = hash('sha256', token);
    const known = verified.find(digest);
    if (known !== null) return { kind: 'granted', grant: known };
    const verdict = await tokens.verify(token);
    if (verdict.kind === 'invalid') return { kind: 'unauthenticated', code: verdict.code };
    const authorization = authorize(verdict.claims);
    if (authorization.kind === 'granted') verified.keep(digest, authorization.grant, verdict.expiresAtMs);
    return authorization;
  };
}

const callerCharsMax = 256;
const knownScopes: ReadonlySet<unknown> = new Set(scopes);

/** Unknown scopes grant nothing: they may belong to another service. A token without organizations is refused. */
function authorize(claims: Readonly<Record<string, unknown>>): Authorization {
  const { sub, scope, organizations, keys_required: keysRequired } = claims;
  if (typeof sub !== 'string' || sub === '' || sub.length > callerCharsMax)
    return { kind: 'unauthenticated', code: 'token_claim_invalid' };
  if (organizations === undefined) return { kind: 'forbidden', code: 'organizations_missing' };
  const reach = reachOf(organizations);
  if (reach === null) return { kind: 'forbidden', code: 'organizations_invalid' };
  const granted = typeof scope === 'string' ? scope.split(' ').filter(isScope) : [];
  const grant = { callerId: sub, scopes: granted, organizations: reach, keysRequired: keysRequired === true };
  return { kind: 'granted', grant };
}

/** `*` alone means all organizations. In a list it is refused, because it is not a name. */
function reachOf(claim: unknown): CallerGrant['organizations'] | null {
  if (claim === '*') return 'all';
  if (!Array.isArray(claim) || claim.length === 0 || !claim.every(isName)) return null;
  return claim;
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && organizationPattern.test(value);
}

function isScope(word: string): word is Scope {
  return knownScopes.has(word);
}
