/**
 * The HTTP routes and the function that serves each: read by the local twin and by the CDK stacks. A `public`
 * route needs no caller, so it has no authorizer.
 */
export const routes = [
  { method: 'POST', path: '/api/v1/usage/events', function: 'ingest' },
  { method: 'POST', path: '/api/v1/usage/events/batch', function: 'ingest' },
  { method: 'POST', path: '/api/v1/events', function: 'ingest' },
  { method: 'POST', path: '/v1/metrics', function: 'ingest' },
  { method: 'GET', path: '/api/v1/usage/summary/{organization}', function: 'query' },
  { method: 'GET', path: '/api/v1/metrics', function: 'metrics' },
  { method: 'GET', path: '/metrics', function: 'metrics' },
  { method: 'GET', path: '/health', function: 'query', public: true },
  { method: 'GET', path: '/ready', function: 'query', public: true },
] as const;

export type Route = (typeof routes)[number];

/** The methods that a route is served for: HEAD wherever there is GET (RFC 9110, 9.1). */
export function methodsOf({ method }: Route): readonly ('GET' | 'HEAD' | 'POST')[] {
  return method === 'GET' ? [method, 'HEAD'] : [method];
}
