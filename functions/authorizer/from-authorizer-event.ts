/** Translates the event and the answer of API Gateway's request authorizer (HTTP API, payload 2.0, simple response). */
import type { APIGatewayRequestAuthorizerEventV2 } from 'aws-lambda';
import type { Authorization } from './authorize-caller.ts';

/** The part of the event that the authorizer reads. */
export type AuthorizerEvent = Pick<APIGatewayRequestAuthorizerEventV2, 'headers'>;

/**
 * The simple response. API Gateway gives `context` of a granted request to the function, as text, and answers every
 * other request with 403. The local gateway reads status and code of that answer from `context`.
 */
export interface AuthorizerAnswer {
  readonly isAuthorized: boolean;
  readonly context: Readonly<Record<string, string>>;
}

/**
 * Nobody can say now whether this key is good. API Gateway would answer a refusal with 403 and an error with 500, which are
 * both wrong; so it lets the request pass without a caller, and the function answers 503 (shared/http/stack.ts). A function
 * that does not know of this finds no caller.
 */
export const unavailableAnswer: AuthorizerAnswer = {
  isAuthorized: true,
  context: { unavailable: 'api_keys_unavailable' },
};

/** The bearer token or API key; null where there is none, or a credential of another scheme. */
export function fromAuthorizerEvent({ headers }: AuthorizerEvent): string | null {
  return /^Bearer +(\S+) *$/i.exec(headers?.['authorization'] ?? '')?.[1] ?? null;
}

/** The strings that shared/callers/http-caller.ts reads, or the status and code of the answer. */
export function toAuthorizerAnswer(authorization: Authorization): AuthorizerAnswer {
  if (authorization.kind !== 'granted') {
    const status = authorization.kind === 'unauthenticated' ? '401' : '403';
    return { isAuthorized: false, context: { status, code: authorization.code } };
  }
  const { callerId, scopes, organizations, keysRequired } = authorization.grant;
  return {
    isAuthorized: true,
    context: {
      callerId,
      scopes: scopes.join(' '),
      organizations: organizations === 'all' ? '*' : organizations.join(' '),
      keysRequired: String(keysRequired),
    },
  };
}
