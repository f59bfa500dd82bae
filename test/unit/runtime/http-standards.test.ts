/** What HTTP asks of every server (RFC 9110, RFC 9112), byte by byte over a socket. */
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { createHttpServer } from '../../../localstack/runtime/http-server.ts';
import type { Handler } from '../../../localstack/runtime/load-handler.ts';
import { routes } from '../../../shared/contracts/routes.ts';
import { bodyBytesMax } from '../../../shared/limits.ts';
import { FakeLogger } from '../../harness/fakes/logger.ts';

type Server = ReturnType<typeof createHttpServer>;
const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** Answers with the event. */
const echo: Handler = async (event) => event;

async function serve(handler: Handler = echo): Promise<number> {
  const handlers = new Map(routes.map(({ function: name }) => [name, handler] as const));
  const server = createHttpServer({ handlers, logger: new FakeLogger() });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A server that listens on TCP has such an address.
  return (server.address() as AddressInfo).port;
}

interface Talk {
  /** Lines of the head, joined by CRLF. */
  readonly head: readonly string[];
  readonly body?: string;
  /** The client ends its side at once, and still reads. */
  readonly halfClosed?: boolean;
}

/** One request, and everything that comes back until the server closes. */
async function talk({ head, body = '', halfClosed = false }: Talk, handler: Handler = echo): Promise<string> {
  const socket = connect({ port: await serve(handler), host: '127.0.0.1' });
  const sent = `${[...head, ...(halfClosed ? [] : ['Connection: close'])].join('\r\n')}\r\n\r\n${body}`;
  if (halfClosed) socket.end(sent);
  else socket.write(sent);
  return text(socket);
}

function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]);
}

const local = 'Host: localhost';
const gets = routes.filter(({ method }) => method === 'GET');

describe.each(gets)('HEAD of $path', ({ path }) => {
  const target = path.replace('{organization}', 'org_1');

  it('has the status and headers of GET, and no body', async () => {
    const [got, asked] = await Promise.all([
      talk({ head: [`GET ${target} HTTP/1.1`, local] }, async () => ({ statusCode: 200, body: '12345' })),
      talk({ head: [`HEAD ${target} HTTP/1.1`, local] }, async () => ({ statusCode: 200, body: '12345' })),
    ]);
    expect(statusOf(asked)).toBe(200);
    expect(asked).toContain('content-length: 5\r\n');
    expect([got.endsWith('\r\n\r\n12345'), asked.endsWith('\r\n\r\n')]).toEqual([true, true]);
  });
});

describe('the request target', () => {
  it.each([
    ['GET http://127.0.0.1:8001/health HTTP/1.1', '/health', ''],
    ['GET HTTP://localhost/health?a=1 HTTP/1.1', '/health', 'a=1'],
    ['POST http://localhost:8001/api/v1/usage/events HTTP/1.1', '/api/v1/usage/events', ''],
    [
      'GET http://localhost/api/v1/usage/summary/a%2Fb?x=%26 HTTP/1.1',
      '/api/v1/usage/summary/a%2Fb',
      'x=%26',
    ],
  ])('%s is %s', async (line, rawPath, rawQueryString) => {
    const answer = await talk({ head: [line, 'Host: localhost:8001'] });
    expect(statusOf(answer)).toBe(200);
    const event: unknown = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')));
    expect(event).toMatchObject({ rawPath, rawQueryString });
  });

  it.each([
    ['ftp://localhost/health', 400],
    ['http:///health', 400],
    ['http://a b/health', 400],
    ['//health', 404],
    ['http://localhost', 404],
    ['*', 404],
  ])('%s is %i', async (target, status) => {
    expect(statusOf(await talk({ head: [`GET ${target} HTTP/1.1`, local] }))).toBe(status);
  });
});

describe('the field Host', () => {
  it.each([
    ['none', [], 400],
    ['two', [local, local], 400],
    ['two that differ', [local, 'Host: evil.example'], 400],
    ['one that is no host', ['Host: a b'], 400],
    ['one with a path', ['Host: localhost/a'], 400],
    ['one with a user', ['Host: localhost@evil.example'], 400],
    ['one', ['Host: [::1]:8001'], 200],
    ['a name', ['Host: odometer.example:443'], 200],
  ])('%s', async (_, hosts, status) => {
    const answer = await talk({ head: ['GET /health HTTP/1.1', ...hosts] });
    expect(statusOf(answer)).toBe(status);
  });

  it('is not asked of HTTP/1.0', async () => {
    expect(statusOf(await talk({ head: ['GET /health HTTP/1.0'] }))).toBe(200);
  });
});

describe('a client that closed its side after the request', () => {
  it.each(routes)('is answered: $method $path', async ({ method, path }) => {
    const target = path.replace('{organization}', 'org_1');
    const late: Handler = () =>
      new Promise((resolve) => setTimeout(() => resolve({ statusCode: 202, body: 'late' }), 30));
    const head = [`${method} ${target} HTTP/1.1`, local, 'Content-Length: 2'];
    const answer = await talk({ head, body: '{}', halfClosed: true }, late);
    expect([statusOf(answer), answer.endsWith('late')]).toEqual([202, true]);
  });

  it('within its body is answered 400, and no function is asked', async () => {
    let asked = 0;
    const count: Handler = async () => {
      asked += 1;
      return { statusCode: 202 };
    };
    const head = ['POST /api/v1/usage/events HTTP/1.1', local, 'Content-Length: 10'];
    const answer = await talk({ head, body: '{}', halfClosed: true }, count);
    expect([statusOf(answer), asked]).toEqual([400, 0]);
  });
});

it('a body that no limit allows is refused with the limit that holds for every body', async () => {
  const head = ['POST /api/v1/usage/events HTTP/1.1', local, 'Content-Length: 20000000'];
  const answer = await talk({ head });
  expect(statusOf(answer)).toBe(413);
  expect(answer).toContain(`at most ${bodyBytesMax} bytes`);
});
