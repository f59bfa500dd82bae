/**
 * Who may use which route: every route of the contracts, each method that it is served for, and every credential that
 * could be wrong. The twin and the deployed emulator are asked the same questions.
 */
import { randomUUID } from 'node:crypto';
import { type Scope, scopes } from '../../../shared/callers/caller.ts';
import { methodsOf, type Route, routes } from '../../../shared/contracts/routes.ts';
import { exportOf, pointOf, sumOf, text } from '../builders/otlp.ts';

export const ourOrganization = 'org_ours';
const otherOrganization = 'org_other';
const today = new Date().toISOString().slice(0, 10);

type KeyOf<One extends Route> = One extends Route ? `${One['method']} ${One['path']}` : never;
type RouteKey = KeyOf<Route>;

interface RouteRow {
  /** A request that everybody with the scope and the organization may make. */
  readonly path?: string;
  /** Another one for each request. */
  readonly body?: () => unknown;
  readonly contentType?: string;
  readonly allowed: number;
  /** For a caller of another organization. */
  readonly other: number;
}

const event = { organization_id: ourOrganization, metric_name: 'access', quantity: 1 };
const cloudEvent = {
  ...{ specversion: '1.0', id: 'access', source: 'test', type: 'access', subject: ourOrganization },
  data: { value: 1 },
};
const otlpExport = () => {
  const nowMs = Date.now();
  const times = { startTimeUnixNano: `${nowMs - 1000}000000`, timeUnixNano: `${nowMs}000000` };
  return exportOf({
    resource: [text('organization.id', ourOrganization)],
    metrics: [sumOf([pointOf(times)])],
  });
};

/** In a path: a revoked key of our organization. */
const revokedKey = '{key}';

/** A new route does not compile until it is here. */
const rows: Readonly<Record<RouteKey, RouteRow>> = {
  'POST /api/v1/usage/events': { body: () => event, allowed: 202, other: 403 },
  'POST /api/v1/usage/events/batch': { body: () => ({ events: [event] }), allowed: 202, other: 403 },
  'POST /api/v1/events': {
    body: () => cloudEvent,
    contentType: 'application/cloudevents+json',
    allowed: 204,
    other: 403,
  },
  'POST /v1/metrics': { body: otlpExport, allowed: 200, other: 403 },
  'GET /api/v1/usage/summary/{organization}': {
    path: `/api/v1/usage/summary/${ourOrganization}?start_date=${today}&end_date=${today}`,
    allowed: 200,
    other: 403,
  },
  'GET /api/v1/usage/events': {
    path: `/api/v1/usage/events?organization_id=${ourOrganization}&start_date=${today}&end_date=${today}`,
    allowed: 200,
    other: 403,
  },
  'GET /api/v1/usage/restamped': {
    path: `/api/v1/usage/restamped?organization_id=${ourOrganization}&start_date=${today}&end_date=${today}`,
    allowed: 200,
    other: 403,
  },
  'GET /api/v1/receipts/{receipt}': { path: '/api/v1/receipts/nobody.0', allowed: 404, other: 404 },
  'POST /api/v1/receipts': { body: () => ({ receipts: ['nobody.0'] }), allowed: 200, other: 200 },
  // Of all organizations: a caller with a list of them reads none of it.
  'GET /api/v1/conflicts': { allowed: 403, other: 403 },
  'GET /api/v1/quarantine': { allowed: 403, other: 403 },
  'GET /api/v1/quarantine/{entry}': { path: '/api/v1/quarantine/1-1-1', allowed: 403, other: 403 },
  'POST /api/v1/keys': {
    body: () => ({ owner: `owner-${randomUUID()}`, scopes: ['admin'], organizations: [ourOrganization] }),
    allowed: 201,
    other: 403,
  },
  'GET /api/v1/keys': { allowed: 200, other: 200 },
  'POST /api/v1/keys/{key}/revoke': { path: `/api/v1/keys/${revokedKey}/revoke`, allowed: 200, other: 404 },
  'POST /api/v1/keys/{key}/rotate': { path: `/api/v1/keys/${revokedKey}/rotate`, allowed: 409, other: 404 },
  'GET /api/v1/metrics': { allowed: 200, other: 200 },
  'GET /metrics': { allowed: 200, other: 200 },
  'GET /health': { allowed: 200, other: 200 },
  'GET /ready': { allowed: 200, other: 200 },
};

/** What a caller shows, or nothing. */
export interface Credential {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly organizations: readonly string[];
  readonly expired: boolean;
}

export interface AccessCase {
  readonly title: string;
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  readonly contentType: string;
  readonly credential: Credential | null;
  /** `refused`: by whatever is in front of the functions. */
  readonly expected: number | 'refused';
}

const whole = { scopes, organizations: [ourOrganization], expired: false };

/** Each is a token and an API key in the tests. */
export const credentials: readonly Credential[] = [
  { name: 'every scope', ...whole },
  { name: 'an end in the past', ...whole, expired: true },
  { name: 'another organization', ...whole, organizations: [otherOrganization] },
  ...scopes.map((missing) => ({
    name: `no scope ${missing}`,
    ...whole,
    scopes: scopes.filter((scope) => scope !== missing),
  })),
];

/** Every route x method x credential. */
export function accessCases(): readonly AccessCase[] {
  return routes.flatMap((route) =>
    methodsOf(route).flatMap((method) =>
      [null, ...credentials].map((credential) => caseOf(route, method, credential)),
    ),
  );
}

function caseOf(route: Route, method: string, credential: Credential | null): AccessCase {
  // The keys of the table are made of the routes.
  const row: RouteRow = rows[`${route.method} ${route.path}` as RouteKey];
  return {
    title: `${method} ${route.path} with ${credential?.name ?? 'no credential'}`,
    method,
    path: row.path ?? route.path,
    body: row.body?.(),
    contentType: row.contentType ?? 'application/json',
    credential,
    expected: expectedOf(route, row, credential),
  };
}

function expectedOf(route: Route, row: RouteRow, credential: Credential | null): AccessCase['expected'] {
  if (!('scope' in route)) return row.allowed;
  if (credential === null || credential.expired) return 'refused';
  if (!credential.scopes.includes(route.scope)) return 403;
  return credential.organizations.includes(ourOrganization) ? row.allowed : row.other;
}

export interface Asking {
  readonly api: string;
  readonly authorization: string | null;
  /** A revoked key of `ourOrganization`. */
  readonly keyId: string;
}

/** The status of a case's request. */
export async function statusOf(
  { method, path, body, contentType }: AccessCase,
  { api, authorization, keyId }: Asking,
): Promise<number> {
  const answer = await fetch(`${api}${path.replace(revokedKey, keyId)}`, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': contentType }),
      ...(authorization === null ? {} : { authorization: `Bearer ${authorization}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  await answer.arrayBuffer();
  return answer.status;
}
