/** CORS as API Gateway answers it: preflights without a function or a token, and the same fields on every other answer. */
import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import { cors, isCorsOrigin } from '../../shared/contracts/cors.ts';
import { ENV_CORS_ORIGINS } from '../../shared/contracts/env.ts';
import { type Environment, listValue } from '../../shared/runtime/config.ts';
import { UserError } from '../processes/user-error.ts';
import type { HttpResponse } from './gateway-result.ts';

export type CorsOrigins = ReadonlySet<string>;

const setting = listValue.pipe(z.array(z.string().refine(isCorsOrigin)));

/** The origins of the setting; none where there is none. Throws a UserError for what is no origin. */
export function corsOriginsOf(environment: Environment): CorsOrigins {
  const value = environment[ENV_CORS_ORIGINS];
  if (value === undefined || value === '') return new Set();
  const parsed = setting.safeParse(value);
  if (parsed.success) return new Set(parsed.data);
  throw new UserError(
    `${ENV_CORS_ORIGINS} must be * or origins such as https://app.example.com, comma-separated.`,
  );
}

/** A browser's question whether it may send a request; null: the request is none, or nobody is allowed anything. */
export function answerPreflight(
  request: { readonly method: string; readonly headers: IncomingHttpHeaders },
  origins: CorsOrigins,
): HttpResponse | null {
  const { method, headers } = request;
  if (origins.size === 0 || method !== 'OPTIONS') return null;
  if (headers.origin === undefined || headers['access-control-request-method'] === undefined) return null;
  const allowed = allowedOrigin(headers.origin, origins);
  if (allowed === null) return { status: 204, headers: {}, body: '' };
  const asked = {
    'access-control-allow-methods': cors.methods.join(','),
    'access-control-allow-headers': cors.requestHeaders.join(','),
    'access-control-max-age': String(cors.maxAgeSeconds),
  };
  return { status: 204, headers: asked, body: '' };
}

/** What every answer to a request of this origin says as well. */
export function corsHeaders(
  origin: string | undefined,
  origins: CorsOrigins,
): Readonly<Record<string, string>> {
  if (origins.size === 0) return {};
  const allowed = origin === undefined ? null : allowedOrigin(origin, origins);
  // What a cache keeps for one origin is not for another.
  const vary: Readonly<Record<string, string>> = origins.has('*') ? {} : { vary: 'origin' };
  if (allowed === null) return vary;
  return {
    ...vary,
    'access-control-allow-origin': allowed,
    'access-control-expose-headers': cors.exposedHeaders.join(','),
  };
}

function allowedOrigin(origin: string, origins: CorsOrigins): string | null {
  if (origins.has('*')) return '*';
  return origins.has(origin) ? origin : null;
}
