/**
 * API Gateway's request authorizer in front of the routes that are not public. A request that this machine makes
 * by itself without a credential is the local administrator, unless tokens are required or the server can be reached
 * from elsewhere; whatever carries a credential is checked by the authorizer function.
 */
import type { IncomingMessage } from 'node:http';
import { type CallerContext, type GatewayRequest, toAuthorizerEvent } from './gateway-event.ts';
import { type HttpResponse, problem } from './gateway-result.ts';
import { createContext } from './lambda-context.ts';
import type { Handler } from './load-handler.ts';
import { isOwnRequest } from './local-request.ts';
import type { LocalRoute } from './route-table.ts';

/** `caller` null: a public route, which has no authorizer. */
export type Admission =
  | { readonly kind: 'admitted'; readonly caller: CallerContext | null }
  | { readonly kind: 'refused'; readonly response: HttpResponse };

/** How long API Gateway waits for an authorizer. */
const authorizerTimeoutMs = 10_000;

/** In strings, as API Gateway passes an authorizer's context on. */
const localAdministrator: Admission = {
  kind: 'admitted',
  caller: {
    callerId: 'local',
    scopes: 'ingest read admin backfill correct',
    organizations: '*',
    keysRequired: 'false',
  },
};
const anybody: Admission = { kind: 'admitted', caller: null };

/** What a request without a credential is judged by. */
interface LocalTrust {
  /** Nobody can reach this server from elsewhere, and tokens are not required. */
  readonly trusted: boolean;
  /** The host that the request is for. */
  readonly host: string;
}

/** Who may pass without a credential; answers at once, because most local requests carry none. */
export function admitWithoutCredential(
  request: IncomingMessage,
  route: LocalRoute,
  local: LocalTrust,
): Admission | undefined {
  if (route.public) return anybody;
  const { authorization, 'x-api-key': apiKey } = request.headers;
  if (apiKey !== undefined)
    return unauthenticated(
      'credentials_unknown',
      'Send an API key as a bearer token: Authorization: Bearer.',
    );
  if (authorization !== undefined) return undefined;
  if (!local.trusted) return unauthenticated('credential_missing', 'Send a bearer token.');
  if (isOwnRequest(request, local.host)) return localAdministrator;
  const detail =
    'Send a bearer token. Only programs of this machine need none: by localhost, and without a proxy.';
  return unauthenticated('credential_missing', detail);
}

/** Asks the authorizer function; it throws only where API Gateway would answer 500. */
export async function admitByAuthorizer(
  request: GatewayRequest,
  route: LocalRoute,
  authorizer: Handler | undefined,
): Promise<Admission> {
  if (authorizer === undefined)
    return unauthenticated('credentials_unknown', 'There is no authorizer; send no credentials.');
  const endsAtMs = performance.now() + authorizerTimeoutMs;
  const context = createContext('authorizer', () => endsAtMs);
  const answer = await authorizer(toAuthorizerEvent(request, route), context);
  const { isAuthorized, context: said } = (answer ?? {}) as { isAuthorized?: unknown; context?: unknown };
  const strings = (said ?? {}) as CallerContext;
  if (isAuthorized === true) return { kind: 'admitted', caller: strings };
  const code = strings['code'] ?? 'forbidden';
  if (strings['status'] !== '401')
    return refused(problem(403, code, 'The token does not allow any request here.'));
  const headers = { 'www-authenticate': 'Bearer error="invalid_token"' };
  return refused(problem(401, code, 'The credential is not a valid bearer token.', headers));
}

// Same type: as for `problem`.
function unauthenticated(code: string, detail: string): Admission {
  return refused(problem(401, code, detail, { 'www-authenticate': 'Bearer' }));
}

function refused(response: HttpResponse): Admission {
  return { kind: 'refused', response };
}
