import { SignJWT } from 'jose';
import { local } from '../../infra/config/local.ts';

export interface TokenClaims {
  readonly audience?: string;
  readonly scope?: string;
  readonly organizations?: string | readonly string[];
  readonly expires?: string;
}

/** A token of a test's own issuer, whose key the deployed authorizer has. */
export function issueTestToken(key: string, claims: TokenClaims = {}): Promise<string> {
  const { audience = local.identity.audience, organizations = '*', expires = '10 minutes' } = claims;
  const { scope = 'ingest read admin' } = claims;
  return new SignJWT({ scope, organizations })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('e2e')
    .setIssuer(local.identity.issuer)
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime(expires)
    .sign(new TextEncoder().encode(key));
}
