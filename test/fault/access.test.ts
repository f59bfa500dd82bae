/** Who may use which route of the twin, whose processes are real ones, and how soon a revoked key is refused there. */
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { inSession } from '../../localstack/servers/postgres-session.ts';
import { loadSecrets, passwordOf } from '../../localstack/servers/secrets.ts';
import { issueToken } from '../../localstack/token-issuer.ts';
import { exitCodes, odometer } from '../../odometer.ts';
import { type ShardLogin, shardLogins } from '../../shared/contracts/shards.ts';
import { apiKeyListAgeMsMax } from '../../shared/limits.ts';
import {
  accessCases,
  type Credential,
  credentials,
  ourOrganization,
  statusOf,
} from '../harness/access/access-table.ts';
import { type MadeKey, makeKeys } from '../harness/access/make-keys.ts';
import { rowsOf } from '../harness/pipeline/isolation.ts';
import { startTwin, type Twin } from '../harness/twin/twin.ts';

/** Of rights that every administrator of the table has, who could not rotate it otherwise. */
const revokedKey: MadeKey = {
  ...{ name: 'revoked', organizations: [ourOrganization], expired: false },
  scopes: ['admin'],
  revoked: true,
};

let twin: Twin;
let keyId: string;
const tokens = new Map<string, string>();
const keys = new Map<string, string>();

beforeAll(async () => {
  twin = await startTwin({ environment: { ODOMETER_AUTH: 'required' } });
  const made = await makeKeys(home(), [...credentials, revokedKey]);
  for (const [at, { name }] of credentials.entries()) keys.set(name, made[at]?.text ?? '');
  keyId = made.at(-1)?.id ?? '';
  for (const credential of credentials) tokens.set(credential.name, await tokenOf(credential));
  // The shards answer for keys when they were compared, which the twin does when it has started.
  const known = async () => {
    const { status } = await call('/api/v1/metrics', keys.get('every scope') ?? '');
    if (status !== 200) throw new Error(`the key is answered ${status}`);
  };
  await vi.waitFor(known, { timeout: 20_000, interval: 200 });
});
afterAll(() => twin.stop());

function loginUrls(login: ShardLogin): readonly string[] {
  return twin.endpoints().shards.map((text) => {
    const url = new URL(text);
    url.username = shardLogins[login].role;
    url.password = passwordOf(loadSecrets(twin.dataDir), login);
    return url.href;
  });
}

function home() {
  const hashSecret = Buffer.from(loadSecrets(twin.dataDir)['api-key-hash-secret'], 'base64');
  return { urls: loginUrls('keys'), hashSecret };
}

function tokenOf({ name, scopes, organizations, expired }: Credential): Promise<string> {
  const request = { caller: name, scope: scopes.join(' '), organizations, hours: expired ? -1 : 1 };
  return issueToken(loadSecrets(twin.dataDir)['jwt-secret'], request);
}

const asking = (authorization: string | null) => ({ api: twin.endpoints().api, authorization, keyId });

function call(path: string, authorization: string, body?: unknown): Promise<Response> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${authorization}` };
  const post = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  return fetch(`${twin.endpoints().api}${path}`, { headers, ...post });
}

it.each([
  ['a token', tokens],
  ['an API key', keys],
])(
  'U10: every route and method answers each wrong credential as the table says, by %s',
  async (_kind, texts) => {
    const cases = accessCases();
    expect(cases.length).toBeGreaterThan(150);
    const answers: string[] = [];
    for (const one of cases) {
      const credential = one.credential === null ? null : (texts.get(one.credential.name) ?? '');
      answers.push(`${one.title}: ${await statusOf(one, asking(credential))}`);
    }
    expect(answers).toEqual(
      cases.map((one) => `${one.title}: ${one.expected === 'refused' ? 401 : one.expected}`),
    );
  },
);

it('U9: a key that is revoked while a shard is down is refused in time, and by that shard when it is back', async () => {
  const administrator = keys.get('every scope') ?? '';
  const created = await call('/api/v1/keys', administrator, {
    ...{ owner: 'leaver', scopes: ['admin'], organizations: [ourOrganization] },
  });
  const { key, key_id: id } = (await created.json()) as { key: string; key_id: string };
  const uses = () => call('/api/v1/keys?owner=leaver', key);
  await expect.poll(async () => (await uses()).status).toBe(200);
  const stopped = await silence();
  const revoked = await call(`/api/v1/keys/${id}/revoke`, administrator, {});
  const revokedMs = performance.now();
  expect(await revoked.json()).toMatchObject({ state: 'revoked', unavailable: ['shard3'] });
  process.kill(stopped, 'SIGKILL');
  await twin.restarted('shard3', stopped);
  await expect.poll(async () => (await uses()).status, { timeout: apiKeyListAgeMsMax + 5000 }).toBe(401);
  expect(performance.now() - revokedMs).toBeLessThan(60_000);
  // The comparison of each minute brings the revocation to the shard.
  const operator = twin.endpoints().shards[3] ?? '';
  const version = async () => (await rowsOf(operator, `select version from api_keys where id = '${id}'`))[0];
  await expect.poll(version, { timeout: 90_000, interval: 1000 }).toEqual({ version: 2 });
  expect((await uses()).status).toBe(401);
});

/** The server of shard 3 is there and answers nobody, so that it is not started again yet. Returns its process. */
async function silence(): Promise<number> {
  return await inSession(loginUrls('keys')[3] ?? '', async (client) => {
    const stopped = twin.kill('shard3', 'SIGSTOP');
    const others = 'usename = current_user and pid <> pg_backend_pid()';
    await client.query(`select pg_terminate_backend(pid) from pg_stat_activity where ${others}`);
    return stopped;
  });
}

it('the command makes, lists, rotates and revokes keys of the twin', async () => {
  vi.stubEnv('ODOMETER_DATA_DIR', twin.dataDir);
  const run = async (line: string): Promise<unknown> => {
    let out = '';
    const add = (text: string) => {
      out += text;
    };
    expect(await odometer(`keys ${line} --json`.split(' '), { out: add, err: add }), out).toBe(
      exitCodes.done,
    );
    return JSON.parse(out);
  };
  const owner = 'a-person';
  const created = await run(`create --owner ${owner} --organizations ${ourOrganization} --days 30`);
  const { key, key_id: id } = created as { key: string; key_id: string };
  expect(key).toMatch(new RegExp(`^odo_local_${id}_[0-9A-Za-z]{49}$`));
  await expect.poll(async () => (await call('/metrics', key)).status).toBe(403);
  const rotated = await run(`rotate ${id} --grace-hours 2`);
  expect(rotated).toMatchObject({ owner, state: 'live', replaces: { key_id: id, state: 'live' } });
  expect(await run(`revoke ${id}`)).toMatchObject({ state: 'revoked', refused_within_seconds: 60 });
  const listed = (await run(`list --owner ${owner} --ended`)) as { state: string; scopes: string[] }[];
  expect(listed.map(({ state }) => state).toSorted()).toEqual(['live', 'revoked']);
  vi.unstubAllEnvs();
});
