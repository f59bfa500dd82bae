/**
 * What a page of another origin may send and read (CORS), once for API Gateway and the twin. Which origins there are is
 * configuration; by default there is none. Credentials of the browser (cookies) are never asked for: a token travels in
 * `authorization`, so that even `*` gives a page nothing that it does not hold itself. Receipts are in bodies, which every
 * page of an allowed origin may read.
 */
import { methodsOf, routes } from './routes.ts';

export const cors = {
  methods: [...new Set(routes.flatMap(methodsOf))],
  requestHeaders: [
    'authorization',
    'content-type',
    'content-encoding',
    'idempotency-key',
    // CloudEvents in binary mode.
    'ce-specversion',
    'ce-id',
    'ce-source',
    'ce-type',
    'ce-subject',
    'ce-time',
  ],
  exposedHeaders: ['retry-after', 'ratelimit', 'ratelimit-policy'],
  maxAgeSeconds: 7200,
} as const;

/** `*`, or an origin as a browser writes it: scheme, host and port, and nothing behind. */
export function isCorsOrigin(text: string): boolean {
  if (text.includes('*')) return text === '*';
  return /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}
