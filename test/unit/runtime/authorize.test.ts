import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, expect, it } from 'vitest';
import { build } from '../../../functions/authorizer/handler.ts';
import { createHttpServer, type HttpServerOptions } from '../../../localstack/runtime/http-server.ts';
import type { Handler } from '../../../localstack/runtime/load-handler.ts';
import { issueToken, localAudience, localIssuer } from '../../../localstack/token-issuer.ts';
import { createTokenVerifier } from '../../../shared/callers/jwt/token-verifier.ts';
import { systemClock } from '../../../shared/runtime/process/system-clock.ts';
import { noApiKeys } from '../../harness/fakes/api-keys.ts';
import { FakeLogger } from '../../harness/fakes/logger.ts';

type Server = ReturnType<typeof createHttpServer>;
const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

const summary = '/api/v1/usage/summary/org_1';
const secret = 'the secret of a twin, 32 bytes or more';
const authorize = build({
  tokens: createTokenVerifier(
    {
      issuer: localIssuer,
      audience: localAudience,
      secret: new TextEncoder().encode(secret),
      jwksUrl: undefined,
    },
    systemClock,
  ),
  apiKeys: noApiKeys,
  clock: systemClock,
  logger: new FakeLogger(),
});

/** Answers with the caller of the event. */
const echo: Handler = async (event) => {
  const { requestContext } = event as { requestContext: { authorizer?: { lambda: unknown } } };
  return { caller: requestContext.authorizer?.lambda ?? null };
};

async function serve(options: Partial<HttpServerOptions> = {}, host = '127.0.0.1'): Promise<Server> {
  const handlers = new Map([
    ['ingest', echo],
    ['query', echo],
  ]);
  // The handler's event type is what it reads of a request authorizer's event.
  const authorizer: Handler = (event) => authorize(event as Parameters<typeof authorize>[0]);
  const server = createHttpServer({ handlers, authorizer, logger: new FakeLogger(), ...options });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return server;
}

async function get(server: Server, path: string, headers: Record<string, string> = {}, host = '127.0.0.1') {
  // A server that listens on TCP has such an address.
  const { port } = server.address() as AddressInfo;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    httpRequest({ host, port, path, headers }, resolve).on('error', reject).end();
  });
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(Buffer.from(chunk));
  const body: unknown = JSON.parse(Buffer.concat(chunks).toString());
  return { status: response.statusCode, challenge: response.headers['www-authenticate'], body };
}

const localAdministrator = {
  callerId: 'local',
  scopes: 'ingest read admin backfill correct',
  organizations: '*',
  keysRequired: 'false',
};
const request = { caller: 'platform', scope: 'read', organizations: ['org_1', 'org_2'], hours: 1 };

it('a request from this machine without a credential is the local administrator', async () => {
  const { status, body } = await get(await serve(), summary);
  expect([status, body]).toEqual([200, { caller: localAdministrator }]);
});

it('a request with a token is who the token says, and not the local administrator', async () => {
  const authorization = `Bearer ${await issueToken(secret, request)}`;
  const { body } = await get(await serve(), summary, { authorization });
  expect(body).toEqual({
    caller: { callerId: 'platform', scopes: 'read', organizations: 'org_1 org_2', keysRequired: 'false' },
  });
});

it('a token that is not valid is 401, even from this machine', async () => {
  const authorization = `Bearer ${await issueToken('another secret, also of 32 bytes or more', request)}`;
  const answer = await get(await serve(), summary, { authorization });
  expect(answer).toMatchObject({
    status: 401,
    challenge: 'Bearer error="invalid_token"',
    body: { status: 401, code: 'token_signature_invalid' },
  });
});

it('a token for no organization is 403', async () => {
  const authorization = `Bearer ${await issueToken(secret, { ...request, organizations: [] })}`;
  expect(await get(await serve(), summary, { authorization })).toMatchObject({
    status: 403,
    body: { code: 'organizations_invalid' },
  });
});

it('another scheme is not a credential that turns a caller into the local administrator', async () => {
  expect(await get(await serve(), summary, { authorization: 'Basic eDp5' })).toMatchObject({ status: 401 });
});

it('nobody is the local administrator where tokens are required', async () => {
  const server = await serve({ tokenRequired: true });
  expect(await get(server, summary)).toMatchObject({
    status: 401,
    challenge: 'Bearer',
    body: { code: 'credential_missing' },
  });
});

it('nobody is the local administrator of a server that is bound to more than loopback', async () => {
  const server = await serve({}, '0.0.0.0');
  expect(await get(server, summary)).toMatchObject({ status: 401, body: { code: 'credential_missing' } });
  const outside = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal);
  if (outside !== undefined)
    expect(await get(server, summary, {}, outside.address)).toMatchObject({ status: 401 });
});

it('a public route asks nobody, and its function sees no caller', async () => {
  const server = await serve({ tokenRequired: true });
  expect(await get(server, '/health')).toMatchObject({ status: 200, body: { caller: null } });
  expect(await get(server, '/health', { authorization: 'Bearer x' })).toMatchObject({ status: 200 });
});

it('an authorizer that fails lets nobody pass', async () => {
  const authorizer: Handler = () => Promise.reject(new Error('no keys'));
  const answer = await get(await serve({ authorizer }), summary, { authorization: 'Bearer x' });
  expect(answer).toMatchObject({ status: 500 });
  expect(JSON.stringify(answer.body)).not.toContain('keys');
});

it('the authorizer sees the request as API Gateway describes it', async () => {
  const seen: unknown[] = [];
  const authorizer: Handler = async (event) => {
    seen.push(event);
    return { isAuthorized: false };
  };
  const answer = await get(await serve({ authorizer }), `${summary}?a=1`, { authorization: 'Bearer x' });
  expect(answer).toMatchObject({ status: 403, body: { code: 'forbidden' } });
  expect(seen).toEqual([
    expect.objectContaining({
      version: '2.0',
      type: 'REQUEST',
      identitySource: ['Bearer x'],
      routeKey: 'GET /api/v1/usage/summary/{organization}',
      rawQueryString: 'a=1',
      headers: expect.objectContaining({ authorization: 'Bearer x' }),
      pathParameters: { organization: 'org_1' },
    }),
  ]);
  expect(seen[0]).not.toHaveProperty('body');
});
