/** U10: where a request comes from is no credential by itself; a browser on this machine speaks for its pages. */
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { tokenRequiredOf } from '../../../localstack/runtime/auth-setting.ts';
import { createHttpServer } from '../../../localstack/runtime/http-server.ts';
import type { Handler } from '../../../localstack/runtime/load-handler.ts';
import { twinSettings } from '../../../localstack/settings.ts';
import { routes } from '../../../shared/contracts/routes.ts';
import { FakeLogger } from '../../harness/fakes/logger.ts';

type Server = ReturnType<typeof createHttpServer>;
const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

const echo: Handler = async () => ({ statusCode: 200, body: '' });

/** The status of a request without a credential over the loopback address. */
async function statusOf(
  fields: readonly string[],
  target = '/api/v1/metrics',
  method = 'GET',
): Promise<number> {
  const handlers = new Map(routes.map(({ function: name }) => [name, echo] as const));
  const server = createHttpServer({ handlers, logger: new FakeLogger() });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A server that listens on TCP has such an address.
  const { port } = server.address() as AddressInfo;
  const socket = connect({ port, host: '127.0.0.1' });
  socket.write([`${method} ${target} HTTP/1.1`, ...fields, 'Connection: close', '', ''].join('\r\n'));
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(await text(socket))?.[1]);
}

const host = 'Host: localhost:8001';

describe('a request of this machine itself is the local administrator', () => {
  it.each([
    [[host]],
    [['Host: localhost']],
    [['Host: LOCALHOST:80']],
    [['Host: 127.0.0.1:8001']],
    [['Host: [::1]:8001']],
    [[host, 'Origin: http://localhost:3000']],
    [[host, 'Origin: https://127.0.0.1', 'Sec-Fetch-Site: same-site']],
    [[host, 'Origin: http://[::1]:8001', 'Sec-Fetch-Site: same-origin']],
    [[host, 'Sec-Fetch-Site: none']],
  ])('%j', async (fields) => {
    expect(await statusOf(fields)).toBe(200);
  });

  it('also by the whole URL', async () => {
    expect(await statusOf([host], 'http://127.0.0.1:8001/api/v1/metrics')).toBe(200);
  });
});

const foreign = [
  ['a name that a page rebound', ['Host: rebound.example']],
  ['a name that ends as ours', ['Host: localhost.evil.example:8001']],
  ['a name that begins as ours', ['Host: evil-localhost']],
  ['another loopback address', ['Host: 127.0.0.2']],
  ['the address as a number', ['Host: 2130706433']],
  ['no name', ['Host:']],
  ['another origin', [host, 'Origin: https://evil.example']],
  ['an origin that begins as ours', [host, 'Origin: http://localhost.evil.example']],
  ['an origin with our name as user', [host, 'Origin: http://localhost@evil.example']],
  ['an origin that a browser hides', [host, 'Origin: null']],
  ['an empty origin', [host, 'Origin:']],
  ['two origins', [host, 'Origin: http://localhost', 'Origin: http://evil.example']],
  ['an extension of the browser', [host, 'Origin: chrome-extension://abcdef']],
  ['another site, without an origin', [host, 'Sec-Fetch-Site: cross-site']],
  ['a proxy: Forwarded', [host, 'Forwarded: for=203.0.113.9']],
  ['a proxy: X-Forwarded-For', [host, 'X-Forwarded-For: 203.0.113.9']],
  ['a proxy: X-Forwarded-Host', [host, 'X-Forwarded-Host: odometer.example']],
  ['a proxy: X-Forwarded-Anything', [host, 'X-Forwarded-Anything: 1']],
  ['a proxy: X-Real-IP', [host, 'X-Real-IP: 127.0.0.1']],
  ['a proxy: Via', [host, 'Via: 1.1 proxy']],
] as const;

describe('any other request needs a token', () => {
  const guarded = routes.filter((route) => !('public' in route));

  it.each(foreign)('%s', async (_, fields) => {
    for (const { method, path } of guarded) {
      const target = path.replace('{organization}', 'org_1');
      expect(await statusOf(fields, target, method)).toBe(401);
    }
  });

  it('a whole URL that names another host, whatever the field Host says', async () => {
    expect(await statusOf([host], 'http://rebound.example/api/v1/metrics')).toBe(401);
  });

  it.each(foreign)('and a public route does not, for %s', async (_, fields) => {
    expect(await statusOf(fields, '/health')).toBe(200);
  });
});

describe('ODOMETER_AUTH', () => {
  it('is required or not set', () => {
    expect(tokenRequiredOf({ ODOMETER_AUTH: 'required' })).toBe(true);
    expect(tokenRequiredOf({})).toBe(false);
    expect(twinSettings({ ODOMETER_AUTH: 'required' })).toBeTruthy();
  });

  it.each(['', 'Required', 'REQUIRED', ' required', 'true', '1', 'yes', 'optional', 'false', '0'])(
    'as %j starts neither the twin nor the API',
    (value) => {
      expect(() => tokenRequiredOf({ ODOMETER_AUTH: value })).toThrow(/ODOMETER_AUTH/);
      expect(() => twinSettings({ ODOMETER_AUTH: value })).toThrow(/ODOMETER_AUTH/);
    },
  );
});
