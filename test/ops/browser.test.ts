/** U10: a real browser on this machine does not make its pages the local administrator. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createHttpServer } from '../../localstack/runtime/http-server.ts';
import { runCommand } from '../../localstack/servers/command.ts';
import { debianProgram } from '../../localstack/servers/debian.ts';
import { routes } from '../../shared/contracts/routes.ts';
import { FakeLogger } from '../harness/fakes/logger.ts';
import { makeTestFolder, removeTestFolder } from '../harness/servers/servers.ts';

/** Names that resolve to 127.0.0.1, as a page's own name does once it is rebound. */
const rebound = 'MAP *.example 127.0.0.1';
const reached = 'the function was reached';

let folder: string;
let api: Server;
let page: Server;
let chromium: string;
/** Routes whose function was invoked. */
const invoked: string[] = [];

beforeAll(async () => {
  folder = makeTestFolder();
  chromium = await debianProgram('chromium');
  const handler = async (event: unknown) => {
    invoked.push(String(Reflect.get(Object(event), 'routeKey')));
    return { statusCode: 200, headers: { 'content-type': 'text/plain' }, body: reached };
  };
  const handlers = new Map(routes.map(({ function: name }) => [name, handler] as const));
  api = createHttpServer({ handlers, logger: new FakeLogger() });
  page = createServer((_, response) => {
    response.setHeader('content-type', 'text/html').end(evilPage(portOf(api)));
  });
  for (const server of [api, page])
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  for (const server of [api, page]) {
    server?.closeAllConnections();
    await new Promise((resolve) => (server === undefined ? resolve(null) : server.close(resolve)));
  }
  removeTestFolder(folder);
});

function portOf(server: Server): number {
  // A server that listens on TCP has such an address.
  return (server.address() as AddressInfo).port;
}

/** Tries each way of a page to send something to another origin, and says when all of them have ended. */
function evilPage(port: number): string {
  const url = `http://localhost:${port}/api/v1`;
  return `<!doctype html><body><img src="${url}/metrics?img"><script>
    const headers = { 'content-type': 'application/json' };
    Promise.allSettled([
      fetch('${url}/metrics?cors'),
      fetch('${url}/metrics?no-cors', { mode: 'no-cors' }),
      fetch('${url}/usage/events?simple', { method: 'POST', mode: 'no-cors', body: '{}' }),
      fetch('${url}/usage/events?json', { method: 'POST', headers, body: '{}' }),
    ]).then(() => document.body.append('all were tried'));
  </script></body>`;
}

/** What the browser shows at an address. */
async function show(url: string): Promise<string> {
  const args = [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-dev-shm-usage',
    `--user-data-dir=${join(folder, 'profile')}`,
    `--host-resolver-rules=${rebound}`,
    '--virtual-time-budget=5000',
    '--dump-dom',
    url,
  ];
  const shown = await runCommand(chromium, args);
  expect(shown, shown.output).toMatchObject({ ok: true });
  return shown.output;
}

it('an address that is typed into it is a request of this machine', async () => {
  expect(await show(`http://localhost:${portOf(api)}/api/v1/metrics`)).toContain(reached);
  expect(invoked).toContain('GET /api/v1/metrics');
});

it('a page that gave its own name our address is refused', async () => {
  invoked.length = 0;
  const shown = await show(`http://rebound.example:${portOf(api)}/api/v1/metrics`);
  expect(shown).toContain('credential_missing');
  expect(shown).not.toContain(reached);
  expect(invoked).toEqual([]);
});

it('a page of another site reaches no function', async () => {
  invoked.length = 0;
  expect(await show(`http://evil.example:${portOf(page)}/`)).toContain('all were tried');
  expect(invoked).toEqual([]);
});
