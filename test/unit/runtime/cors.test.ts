/** CORS of the twin, as API Gateway answers it. */
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { corsOriginsOf } from '../../../localstack/runtime/cors.ts';
import { createHttpServer } from '../../../localstack/runtime/http-server.ts';
import { cors, isCorsOrigin } from '../../../shared/contracts/cors.ts';
import { FakeLogger } from '../../harness/fakes/logger.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const page = 'https://app.example.com';
const ask = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' };

interface Asked {
  readonly origins: string;
  readonly method: string;
  readonly path?: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** One request, as node:http sends it: fetch would not let a test set Origin. */
async function send({ origins, method, path = '/health', headers }: Asked) {
  let invoked = 0;
  const server = createHttpServer({
    handlers: new Map([
      [
        'query',
        async () => {
          invoked += 1;
          return { statusCode: 429, headers: { 'retry-after': '1' }, body: '{}' };
        },
      ],
    ]),
    corsOrigins: corsOriginsOf({ CORS_ORIGINS: origins }),
    logger: new FakeLogger(),
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => new Promise((resolve) => server.close(resolve)));
  // A server that listens on TCP has such an address.
  const { port } = server.address() as AddressInfo;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = httpRequest({ port, host: '127.0.0.1', method, path, headers, agent: false }, resolve);
    sent.on('error', reject);
    sent.end();
  });
  response.resume();
  await new Promise((resolve) => response.on('end', resolve));
  return { status: response.statusCode, fields: corsFieldsOf(response.headers), invoked };
}

function corsFieldsOf(headers: IncomingHttpHeaders): Readonly<Record<string, unknown>> {
  const names = Object.keys(headers).filter((name) => name.startsWith('access-control-') || name === 'vary');
  return Object.fromEntries(names.map((name) => [name, headers[name]]));
}

const exposed = { 'access-control-expose-headers': 'retry-after,ratelimit,ratelimit-policy' };

describe('without a setting', () => {
  it('no origin is allowed anything, and OPTIONS is a method like any other', async () => {
    const [got, asked] = [
      await send({ origins: '', method: 'GET', headers: { origin: page } }),
      await send({ origins: '', method: 'OPTIONS', headers: { origin: page, ...ask } }),
    ];
    expect([got.fields, asked.fields, asked.status, asked.invoked]).toEqual([{}, {}, 405, 0]);
  });
});

describe('a preflight', () => {
  it('is answered without a function and a token, also where a route needs one', async () => {
    const path = '/api/v1/usage/events';
    const asked = await send({ origins: page, method: 'OPTIONS', path, headers: { origin: page, ...ask } });
    expect([asked.status, asked.invoked]).toEqual([204, 0]);
    expect(asked.fields).toEqual({
      'access-control-allow-origin': page,
      'access-control-allow-methods': cors.methods.join(','),
      'access-control-allow-headers': cors.requestHeaders.join(','),
      'access-control-max-age': '7200',
      vary: 'origin',
      ...exposed,
    });
  });

  it.each([
    ['another origin', 'https://evil.example.com'],
    ['another port', `${page}:8443`],
    ['another scheme', 'http://app.example.com'],
    ['an origin that only starts so', `${page}.evil.example`],
    ['a page of no origin', 'null'],
  ])('of %s is allowed nothing', async (_, origin) => {
    const asked = await send({ origins: page, method: 'OPTIONS', headers: { origin, ...ask } });
    expect([asked.status, asked.fields]).toEqual([204, { vary: 'origin' }]);
  });
});

describe('an answer', () => {
  it('may be read by a page of an allowed origin, also where it is a refusal', async () => {
    const origins = `https://other.example.com, ${page}`;
    const [limited, unauthenticated] = [
      await send({ origins, method: 'GET', headers: { origin: page } }),
      await send({ origins, method: 'GET', path: '/api/v1/metrics', headers: { origin: page } }),
    ];
    expect([limited.status, unauthenticated.status]).toEqual([429, 401]);
    const fields = { 'access-control-allow-origin': page, vary: 'origin', ...exposed };
    expect([limited.fields, unauthenticated.fields]).toEqual([fields, fields]);
  });

  it('is for every origin where the setting is *, and credentials are never asked for', async () => {
    const { fields } = await send({ origins: '*', method: 'GET', headers: { origin: page } });
    expect(fields).toEqual({ 'access-control-allow-origin': '*', ...exposed });
  });

  it('to a program that is no page says only that it depends on the origin', async () => {
    expect((await send({ origins: page, method: 'GET', headers: {} })).fields).toEqual({ vary: 'origin' });
  });
});

it.each([
  ['*', true],
  ['https://app.example.com', true],
  ['http://localhost:3000', true],
  ['https://app.example.com/', false],
  ['https://app.example.com/path', false],
  ['https://*.example.com', false],
  ['https://APP.example.com', false],
  ['app.example.com', false],
  ['null', false],
])('the setting %s is an origin: %s', (text, isOne) => {
  expect(isCorsOrigin(text)).toBe(isOne);
  if (!isOne) expect(() => corsOriginsOf({ CORS_ORIGINS: text })).toThrow('CORS_ORIGINS');
});
