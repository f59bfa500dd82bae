/** What a caller may need for a route; `shared/callers/caller.ts` has the scopes that go on top of it. */
type RouteScope = 'ingest' | 'read' | 'admin';

type RouteShape = { readonly method: 'GET' | 'POST'; readonly path: string; readonly function: string } & (
  | { readonly scope: RouteScope }
  | { readonly public: true }
);

/**
 * The HTTP routes, the function that serves each, and the scope that a caller needs: read by the local twin and by the CDK
 * stacks. A `public` route needs no caller, so it has no authorizer. `test/harness/access/access-table.ts` has a row for each.
 */
export const routes = [
  { method: 'POST', path: '/api/v1/usage/events', function: 'ingest', scope: 'ingest' },
  { method: 'POST', path: '/api/v1/usage/events/batch', function: 'ingest', scope: 'ingest' },
  { method: 'POST', path: '/api/v1/events', function: 'ingest', scope: 'ingest' },
  { method: 'POST', path: '/v1/metrics', function: 'ingest', scope: 'ingest' },
  { method: 'GET', path: '/api/v1/usage/summary/{organization}', function: 'query', scope: 'read' },
  { method: 'GET', path: '/api/v1/usage/events', function: 'query', scope: 'read' },
  { method: 'GET', path: '/api/v1/usage/restamped', function: 'query', scope: 'read' },
  { method: 'GET', path: '/api/v1/receipts/{receipt}', function: 'query', scope: 'read' },
  { method: 'POST', path: '/api/v1/receipts', function: 'query', scope: 'read' },
  { method: 'GET', path: '/api/v1/conflicts', function: 'query', scope: 'admin' },
  { method: 'GET', path: '/api/v1/quarantine', function: 'query', scope: 'admin' },
  { method: 'GET', path: '/api/v1/quarantine/{entry}', function: 'query', scope: 'admin' },
  { method: 'POST', path: '/api/v1/keys', function: 'keys', scope: 'admin' },
  { method: 'GET', path: '/api/v1/keys', function: 'keys', scope: 'admin' },
  { method: 'POST', path: '/api/v1/keys/{key}/revoke', function: 'keys', scope: 'admin' },
  { method: 'POST', path: '/api/v1/keys/{key}/rotate', function: 'keys', scope: 'admin' },
  { method: 'GET', path: '/api/v1/metrics', function: 'metrics', scope: 'admin' },
  { method: 'GET', path: '/metrics', function: 'metrics', scope: 'admin' },
  { method: 'GET', path: '/health', function: 'query', public: true },
  { method: 'GET', path: '/ready', function: 'query', public: true },
] as const satisfies readonly RouteShape[];

export type Route = (typeof routes)[number];

/** The methods that a route is served for: HEAD wherever there is GET (RFC 9110, 9.1). */
export function methodsOf({ method }: Route): readonly ('GET' | 'HEAD' | 'POST')[] {
  return method === 'GET' ? [method, 'HEAD'] : [method];
}
