import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ENV_LAMBDA_NAME, ENV_SECRETS_FILE } from '../../shared/contracts/env.ts';
import { createSecrets } from '../../shared/runtime/secrets/secrets.ts';

/** What Secrets Manager answers, over its JSON protocol. */
type Answer = (name: string) => { readonly status: number; readonly body: unknown };

let answer: Answer;
let asked: string[];
let server: Server;

beforeEach(async () => {
  asked = [];
  server = createServer(async (request, response) => {
    const { SecretId: name } = JSON.parse((await request.toArray()).join('')) as { SecretId: string };
    asked.push(name);
    const { status, body } = answer(name);
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${port}`);
  vi.stubEnv('AWS_REGION', 'eu-central-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
});
afterEach(() => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  server.close();
});

const onLambda = { [ENV_LAMBDA_NAME]: 'odometer-ingest' };

it('on Lambda a secret is the text that Secrets Manager keeps under its name', async () => {
  answer = (name) => ({ status: 200, body: { Name: name, SecretString: 'the value' } });
  expect(await createSecrets(onLambda).read('odometer/production/redis-url')).toBe('the value');
  expect(asked).toEqual(['odometer/production/redis-url']);
});

it('a name that Secrets Manager does not know is a deployment’s mistake, not transient', async () => {
  answer = () => ({ status: 400, body: { __type: 'ResourceNotFoundException', message: 'no' } });
  const read = createSecrets(onLambda).read('odometer/production/typo');
  await expect(read).rejects.toMatchObject({ code: 'secret_missing', retryable: false });
  await expect(read).rejects.toThrow('odometer/production/typo');
});

it('a Secrets Manager that fails is asked once more, and then is transient', async () => {
  answer = () => ({ status: 500, body: { __type: 'InternalServiceError', message: 'no' } });
  const read = createSecrets(onLambda).read('odometer/production/redis-url');
  await expect(read).rejects.toMatchObject({ code: 'secrets_unavailable', retryable: true });
  expect(asked).toHaveLength(2);
});

it('a file that the environment names goes before Secrets Manager', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'odometer-secrets-'));
  const file = join(folder, 'secrets.json');
  writeFileSync(file, JSON.stringify({ 'redis-url': 'from the file' }));
  const secrets = createSecrets({ ...onLambda, [ENV_SECRETS_FILE]: file });
  expect(await secrets.read('redis-url')).toBe('from the file');
  await expect(secrets.read('other')).rejects.toMatchObject({ code: 'secret_missing' });
  rmSync(folder, { recursive: true });
  expect(asked).toEqual([]);
});

it('without either, a secret is missing at once', async () => {
  await expect(createSecrets({}).read('redis-url')).rejects.toMatchObject({ code: 'secret_missing' });
  expect(asked).toEqual([]);
});
