/** The issuer of a twin's own tokens: HS256 under the twin's random secret. */
import { SignJWT } from 'jose';

export const localIssuer = 'odometer-twin';
export const localAudience = 'odometer';

export interface TokenRequest {
  readonly caller: string;
  readonly scope: string;
  /** `*`, or the organizations. */
  readonly organizations: '*' | readonly string[];
  readonly hours: number;
}

/** A signed token. */
export function issueToken(secret: string, request: TokenRequest): Promise<string> {
  const { caller, scope, organizations, hours } = request;
  return new SignJWT({ scope, organizations })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(caller)
    .setIssuer(localIssuer)
    .setAudience(localAudience)
    .setIssuedAt()
    .setExpirationTime(`${hours} hours`)
    .sign(new TextEncoder().encode(secret));
}
