import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { createHttpServer } from '../../../localstack/runtime/http-server.ts';
import type { Handler } from '../../../localstack/runtime/load-handler.ts';
import { golden, shapeOf } from '../../harness/builders/golden.ts';
import { FakeLogger } from '../../harness/fakes/logger.ts';

type Server = ReturnType<typeof createHttpServer>;
const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function serve(handler: Handler, timeoutMs = 5000): Promise<Server> {
  const handlers = new Map([
    ['ingest', handler],
    ['query', handler],
  ]);
  const server = createHttpServer({ handlers, logger: new FakeLogger(), timeoutMs });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

interface Sent {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: string | Buffer;
}

function portOf(server: Server): number {
  // A server that listens on TCP has such an address.
  return (server.address() as AddressInfo).port;
}

async function send(server: Server, { method = 'GET', path, headers = {}, body }: Sent) {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = httpRequest({ port: portOf(server), host: '127.0.0.1', method, path, headers }, resolve);
    sent.on('error', reject);
    sent.end(body);
  });
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(Buffer.from(chunk));
  const bytes = Buffer.concat(chunks);
  return { status: response.statusCode, headers: response.headers, bytes, text: bytes.toString() };
}

/** The event that a request becomes. */
async function eventOf(sent: Sent): Promise<Record<string, unknown>> {
  const server = await serve(async (event) => event);
  return JSON.parse((await send(server, sent)).text);
}

describe('a request', () => {
  const json = { 'content-type': 'application/json' };
  const post = { method: 'POST', path: '/api/v1/usage/events' };

  it('becomes the event that API Gateway documents', async () => {
    const headers = { ...json, cookie: 'cookie1; cookie2', 'user-agent': 'agent' };
    const event = await eventOf({ ...post, path: `${post.path}?parameter1=value1`, headers, body: '{}' });
    const free = ['headers', 'queryStringParameters', 'lambda', 'pathParameters'];
    // The golden file is an object.
    const { pathParameters: _, ...documented } = golden('api-gateway-v2-request') as Record<string, unknown>;
    expect(shapeOf(event, free)).toEqual(shapeOf(documented, free));
  });

  it('carries its route, its decoded parameters and its query joined by comma', async () => {
    const event = await eventOf({ path: '/api/v1/usage/summary/org%2F%C3%A4?metric=a&metric=b+c&x=%26' });
    expect(event).toMatchObject({
      routeKey: 'GET /api/v1/usage/summary/{organization}',
      rawPath: '/api/v1/usage/summary/org%2F%C3%A4',
      rawQueryString: 'metric=a&metric=b+c&x=%26',
      pathParameters: { organization: 'org/ä' },
      queryStringParameters: { metric: 'a,b c', x: '&' },
      isBase64Encoded: false,
    });
  });

  it('has lower-case headers, several of one name joined, and cookies apart', async () => {
    const event = await eventOf({ path: '/health', headers: { 'X-Many': ['1', '2'], Cookie: 'a=1; b=2' } });
    expect(event['headers']).toMatchObject({ 'x-many': '1, 2' });
    expect(event['headers']).not.toHaveProperty('cookie');
    expect(event['cookies']).toEqual(['a=1', 'b=2']);
  });

  it.each([
    ['application/json'],
    ['application/json; charset=utf-8'],
    ['application/cloudevents+json'],
    ['text/plain'],
  ])('of type %s has its body as text', async (type) => {
    const event = await eventOf({ ...post, headers: { 'content-type': type }, body: '{"ä":1}' });
    expect(event).toMatchObject({ body: '{"ä":1}', isBase64Encoded: false });
  });

  it.each([
    ['application/octet-stream', {}],
    ['application/json', { 'content-encoding': 'gzip' }],
  ])('of type %s with %j has its body in base64', async (type, extra) => {
    const body = gzipSync('{}');
    const event = await eventOf({ ...post, headers: { 'content-type': type, ...extra }, body });
    expect(event).toMatchObject({ body: body.toString('base64'), isBase64Encoded: true });
  });

  it('a parameter named __proto__ is only a parameter', async () => {
    const event = await eventOf({ path: '/health?__proto__=1&constructor=2' });
    expect(Object.entries(event['queryStringParameters'] ?? {})).toEqual([
      ['__proto__', '1'],
      ['constructor', '2'],
    ]);
  });
});

const summary = '/api/v1/usage/summary/org_1';

describe('the gateway answers by itself, as problem details', () => {
  const handler: Handler = async () => ({ statusCode: 200 });

  it.each([
    ['an unknown path', { path: '/nope' }, 404],
    ['a segment that is not UTF-8', { path: '/api/v1/usage/summary/%ff' }, 404],
    ['another method', { path: '/health', method: 'DELETE' }, 405],
    [
      'credentials, where nobody can check them',
      { path: summary, headers: { authorization: 'Bearer x' } },
      401,
    ],
    ['an API key', { path: summary, headers: { 'x-api-key': 'x' } }, 401],
    [
      'a body above 10 MB',
      { ...{ path: '/api/v1/usage/events', method: 'POST' }, body: Buffer.alloc(10 * 1024 * 1024 + 1) },
      413,
    ],
  ])('%s', async (_, sent: Sent, status) => {
    const response = await send(await serve(handler), sent);
    expect(response.status).toBe(status);
    expect(response.headers['content-type']).toBe('application/problem+json');
    expect(JSON.parse(response.text)).toMatchObject({
      type: 'about:blank',
      status,
      code: expect.any(String),
    });
  });

  it('a body of unknown length above 10 MB', async () => {
    const body = Buffer.alloc(10 * 1024 * 1024 + 1);
    const headers = { 'transfer-encoding': 'chunked' };
    const response = await send(await serve(handler), {
      path: '/api/v1/usage/events',
      method: 'POST',
      headers,
      body,
    });
    expect(response.status).toBe(413);
  });

  it('which methods a path has', async () => {
    const response = await send(await serve(handler), { path: '/api/v1/usage/summary/o', method: 'POST' });
    expect(response.headers.allow).toBe('GET, HEAD');
  });

  it('503 when the function takes too long', async () => {
    const response = await send(await serve(() => new Promise(() => {}), 30), { path: '/health' });
    expect(response.status).toBe(503);
  });

  it('500 when the function throws, without its message', async () => {
    const server = await serve(() => Promise.reject(new Error('secret detail')));
    const response = await send(server, { path: '/health' });
    expect(response.status).toBe(500);
    expect(response.text).not.toContain('secret');
  });
});

describe("the function's answer", () => {
  const answer = async (result: unknown) => send(await serve(async () => result), { path: '/health' });

  it('passes status, headers, cookies and body on', async () => {
    const headers = { 'Content-Type': 'text/plain', 'x-number': 5 };
    const response = await answer({ statusCode: 207, headers, cookies: ['a=1', 'b=2'], body: 'ä' });
    expect(response).toMatchObject({ status: 207, text: 'ä' });
    expect(response.headers).toMatchObject({
      'content-type': 'text/plain',
      'x-number': '5',
      'content-length': '2',
    });
    expect(response.headers['set-cookie']).toEqual(['a=1', 'b=2']);
  });

  it('in base64 is decoded', async () => {
    const bytes = Buffer.from([0, 255, 1]);
    const response = await answer({ statusCode: 200, body: bytes.toString('base64'), isBase64Encoded: true });
    expect(response.bytes).toEqual(bytes);
  });

  it('without a status code is the JSON of a 200', async () => {
    expect(await answer({ ok: true })).toMatchObject({ status: 200, text: '{"ok":true}' });
  });

  it('with a status code that is none is a 500', async () => {
    expect(await answer({ statusCode: 'many' })).toMatchObject({ status: 500 });
  });
});

it('closing the server lets a running request end', async () => {
  const begun = Promise.withResolvers<void>();
  const release = Promise.withResolvers<unknown>();
  const server = await serve(() => {
    begun.resolve();
    return release.promise;
  });
  const response = send(server, { path: '/health' });
  await begun.promise;
  const closed = new Promise((resolve) => server.close(resolve));
  release.resolve({ statusCode: 200, body: 'late' });
  expect(await response).toMatchObject({ text: 'late', headers: { connection: 'close' } });
  await closed;
  servers.splice(servers.indexOf(server), 1);
});
