/** A twin with a quota and an origin: what settings turn on, through all of its processes. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadSecrets } from '../../localstack/servers/secrets.ts';
import { issueToken } from '../../localstack/token-issuer.ts';
import { startTwin, type Twin } from '../harness/twin/twin.ts';

const quota = 5;
const origin = 'https://app.example.com';
let twin: Twin;

beforeAll(async () => {
  const environment = {
    ODOMETER_AUTH: 'required',
    CALLER_REQUESTS_PER_SECOND: String(quota),
    CORS_ORIGINS: origin,
  };
  twin = await startTwin({ environment });
});
afterAll(async () => {
  await twin?.stop();
});

async function tokenOf(caller: string): Promise<string> {
  const request = { caller, scope: 'ingest read', organizations: '*', hours: 1 } as const;
  return issueToken(loadSecrets(twin.dataDir)['jwt-secret'], request);
}

// Same type: a path has a slash, a token has none.
async function send(path: string, token: string, body?: unknown) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', origin };
  const method = body === undefined ? 'GET' : 'POST';
  const init = body === undefined ? {} : { body: JSON.stringify(body) };
  return fetch(`http://127.0.0.1:${twin.port}${path}`, { method, headers, ...init });
}

const day = '2026-11-01';
const summary = `/api/v1/usage/summary/quota?start_date=${day}&end_date=${day}`;

it('a caller above its quota is refused by every process, with events and queries together; its neighbour is not', async () => {
  const [token, neighbour] = [await tokenOf('busy'), await tokenOf('calm')];
  const event = { organization_id: 'quota', metric_name: 'calls', quantity: 1 };
  // The first connection to Redis is made by the first request of a process, which passes uncounted.
  await Promise.all(Array.from({ length: 20 }, () => send('/api/v1/usage/events', token, event)));
  const requests = Array.from({ length: 200 }, (_, index) =>
    index % 2 === 0 ? send('/api/v1/usage/events', token, event) : send(summary, token),
  );
  const answers = await Promise.all(requests);
  const refused = answers.filter(({ status }) => status === 429);
  const passed = answers.filter(({ status }) => status === 202 || status === 200);
  expect(refused.length + passed.length).toBe(answers.length);
  expect(refused.length).toBeGreaterThan(0);
  expect(passed.length).toBeGreaterThan(0);
  for (const { headers } of refused) {
    expect(headers.get('ratelimit-policy')).toBe(`"caller";q=${quota};w=1`);
    expect(headers.get('ratelimit')).toBe('"caller";r=0;t=1');
    expect(headers.get('retry-after')).toBe('1');
    expect(headers.get('access-control-allow-origin')).toBe(origin);
    expect(headers.get('access-control-expose-headers')).toContain('ratelimit');
  }
  expect((await send(summary, neighbour)).status).toBe(200);
  const [first] = refused;
  expect(await first?.json()).toMatchObject({ code: 'quota_exceeded', status: 429 });
});
