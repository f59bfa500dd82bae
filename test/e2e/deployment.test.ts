/**
 * The local stage by the real CDK command line, deployed to an emulator that enforces IAM, against real Kafka, Redis
 * and Postgres: what a function was not granted it cannot do. Polling Kafka is what the emulator lacks, so our
 * stand-in does it by the mapping of the synthesized template; the schedule is the emulator's own. The stack Monitoring
 * stays out, because the emulator knows no alarms that calculate.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  GetResourcesCommand,
  ResourceGroupsTaggingAPIClient,
} from '@aws-sdk/client-resource-groups-tagging-api';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { deployedInvoke } from '../../localstack/deployed/invoke.ts';
import { say } from '../../localstack/screen.ts';
import { runCommand } from '../../localstack/servers/command.ts';
import { type Servers, startServers } from '../../localstack/servers/start-servers.ts';
import { ensureTopic } from '../../localstack/servers/topic-admin.ts';
import { repositoryDir, twinSettings } from '../../localstack/settings.ts';
import type { secretNames } from '../../shared/contracts/env.ts';
import type { ShardLogin } from '../../shared/contracts/shards.ts';
import { usageTopic } from '../../shared/contracts/topic.ts';
import { partitionOf, shardOf } from '../../shared/log/routing.ts';
import { accessCases, type Credential, credentials, statusOf } from '../harness/access/access-table.ts';
import { makeKeys } from '../harness/access/make-keys.ts';
import { rowsOf } from '../harness/pipeline/isolation.ts';
import { type Program, startProgram } from '../harness/servers/program.ts';
import { makeTestFolder, removeTestFolder } from '../harness/servers/servers.ts';
import { Deployment } from './deployment.ts';
import { type Emulator, startEmulator } from './emulator.ts';
import { issueTestToken } from './tokens.ts';

const jwtKey = 'a-secret-that-the-test-issuer-and-the-authorizer-share';
/** The schedule fires once a minute, and a pass takes a second or two. */
const tickMs = 100_000;
const pollMs = 500;
const stacks = ['Odometer-local-Data', 'Odometer-local-App'];
const organization = 'org_1';
const partition = partitionOf(organization, usageTopic.partitions);
const today = new Date().toISOString().slice(0, 10);

let folder: string;
let servers: Servers;
let emulator: Emulator;
let deployment: Deployment;
let poller: Program;
let ticker: Program;
let apiId: string;
let operate: (event: unknown) => Promise<unknown>;

beforeAll(async () => {
  folder = makeTestFolder();
  const { cacheDir } = twinSettings();
  servers = await startServers({ dataDir: folder, cacheDir, log: say });
  emulator = await startEmulator(folder);
  for (const [name, value] of Object.entries(emulator.environment)) vi.stubEnv(name, value);
  deployment = new Deployment(join(folder, 'copy'), emulator);
  await deployment.cdk('bootstrap');
  await deployment.cdk('deploy', 'Odometer-local-Data', '--require-approval', 'never');
  await fillSecrets();
  await makeTopic();
  const outputs = join(folder, 'outputs.json');
  await deployment.cdk(
    'deploy',
    'Odometer-local-App',
    '--require-approval',
    'never',
    '--outputs-file',
    outputs,
  );
  readOutputs(outputs);
  poller = await startStandIn('poller', ['--kafka', servers.kafka], 'the event source mapping runs');
});

afterAll(async () => {
  await Promise.all([poller?.kill('SIGTERM'), ticker?.kill('SIGTERM')]);
  await emulator?.stop();
  await servers?.stop(true);
  vi.unstubAllEnvs();
  removeTestFolder(folder);
});

/** By the program that people use. */
async function fillSecrets(): Promise<void> {
  const { kafka, redis, shards, secrets } = servers;
  const urlsOf = (login: ShardLogin) => shards.map((shard) => shard.urlFor(login)).join(',');
  const values: Record<(typeof secretNames)[keyof typeof secretNames], string> = {
    'kafka-bootstrap-servers': kafka,
    'redis-url': redis,
    'shard-owner-urls': urlsOf('owner'),
    'shard-operator-urls': urlsOf('operator'),
    'shard-writer-urls': urlsOf('writer'),
    'shard-reader-urls': urlsOf('reader'),
    'shard-authorizer-urls': urlsOf('authorizer'),
    'shard-keys-urls': urlsOf('keys'),
    'api-key-hash-secret': secrets['api-key-hash-secret'],
    'encryption-key': secrets['encryption-key'],
    'receipt-key': secrets['receipt-key'],
    'segment-key': secrets['segment-key'],
    'jwt-secret': jwtKey,
    'jwt-secret-previous': secrets['jwt-secret-previous'],
  };
  const file = join(folder, 'secrets.json');
  writeFileSync(file, JSON.stringify(values), { mode: 0o600 });
  const program = join(repositoryDir, 'localstack', 'deployed', 'write-secrets.ts');
  const written = await runCommand(process.execPath, [program, file]);
  expect(written, written.output).toMatchObject({ ok: true });
}

function makeTopic(): Promise<unknown> {
  const { name: topic, partitions, settings } = usageTopic;
  const bootstrapServers = servers.kafka;
  return ensureTopic({ bootstrapServers, topic, partitions, replicationFactor: 1, settings });
}

function readOutputs(file: string): void {
  const { ['Odometer-local-App']: outputs = {} } = JSON.parse(readFileSync(file, 'utf8')) as Record<
    string,
    Record<string, string>
  >;
  apiId = /\/\/(\w+)\./.exec(outputs['ApiUrl'] ?? '')?.[1] ?? '';
  operate = deployedInvoke(outputs['OperatorFunction'] ?? '');
}

function startStandIn(name: string, args: readonly string[], ready: string): Promise<Program> {
  const program = join(repositoryDir, 'localstack', 'deployed', `${name}.ts`);
  const all = [program, '--template', deployment.template, ...args];
  return startProgram(process.execPath, all, async (output) => output.includes(ready));
}

async function call(path: string, token?: string, event?: unknown): Promise<Response> {
  const headers = {
    'content-type': 'application/json',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
  const post = event === undefined ? {} : { method: 'POST', body: JSON.stringify(event) };
  return fetch(`${emulator.url}/_aws/execute-api/${apiId}/$default${path}`, { headers, ...post });
}

function keyHome() {
  const { shards, secrets } = servers;
  const hashSecret = Buffer.from(secrets['api-key-hash-secret'], 'base64');
  return { urls: shards.map((shard) => shard.urlFor('keys')), hashSecret };
}

function administrator(): Credential {
  const [found] = credentials;
  if (found === undefined) throw new Error('the table has no credential');
  return { ...found, scopes: ['admin'] };
}

function tokenOf({ scopes, organizations, expired }: Credential): Promise<string> {
  const expires = expired ? '2 minutes ago' : '10 minutes';
  return issueTestToken(jwtKey, { scope: scopes.join(' '), organizations, expires });
}

/** The event is new each time that its key is. */
function eventOf(key: string, quantity: number) {
  const timestamp = `${today}T00:00:00Z`;
  return {
    organization_id: organization,
    metric_name: 'api_calls',
    quantity,
    idempotency_key: key,
    timestamp,
  };
}

async function send(key: string, quantity: number): Promise<void> {
  const answer = await call('/api/v1/usage/events', await issueTestToken(jwtKey), eventOf(key, quantity));
  expect(answer.status, `${await answer.text()}\n${emulator.output()}`).toBe(202);
}

async function totals(): Promise<unknown> {
  const path = `/api/v1/usage/summary/${organization}?start_date=${today}&end_date=${today}`;
  const answer = await call(path, await issueTestToken(jwtKey));
  const { metrics } = (await answer.json()) as { metrics: unknown };
  return metrics;
}

const total = (quantity: string, count: number) => [
  { metric_name: 'api_calls', total_quantity: quantity, event_count: count },
];

it('a caller without a token, or with one that is expired or for another audience, is refused', async () => {
  const event = eventOf('refused', 1);
  const statusWith = async (token?: string) => (await call('/api/v1/usage/events', token, event)).status;
  expect(await statusWith()).toBe(401);
  expect(await statusWith(await issueTestToken(jwtKey, { expires: '2 minutes ago' }))).toBe(403);
  expect(await statusWith(await issueTestToken(jwtKey, { audience: 'somebody-else' }))).toBe(403);
  expect(await statusWith(await issueTestToken('another-key-of-thirty-two-bytes-or-more'))).toBe(403);
  expect((await call('/ready')).status).toBe(200);
});

/** Some five hundred requests, each of which the emulator takes through three functions. */
const accessTimeoutMs = 400_000;

it(
  'U10: every route and method answers each wrong credential as the table says, by token and by API key',
  async () => {
    const revoked = { ...administrator(), name: 'revoked', revoked: true };
    const made = await makeKeys(keyHome(), [...credentials, revoked]);
    const keyId = made.at(-1)?.id ?? '';
    const api = `${emulator.url}/_aws/execute-api/${apiId}/$default`;
    const cases = accessCases();
    // Shards answer for keys from their first comparison on, which the schedule starts within a minute.
    const first = async () => (await call('/api/v1/metrics', made[0]?.text)).status;
    await expect.poll(first, { timeout: tickMs, interval: pollMs }).toBe(200);
    const differences: string[] = [];
    for (const kind of ['token', 'key'] as const) {
      for (const one of cases) {
        const at = one.credential === null ? -1 : credentials.indexOf(one.credential);
        const key = made[at]?.text ?? null;
        const authorization = kind === 'key' || one.credential === null ? key : await tokenOf(one.credential);
        const status = await statusOf(one, { api, authorization, keyId });
        // API Gateway itself answers 401 where nothing was sent, and 403 where the authorizer refused.
        const refusal = one.credential === null ? 401 : 403;
        const expected = one.expected === 'refused' ? refusal : one.expected;
        if (status !== expected) differences.push(`${one.title} by ${kind}: ${status}, not ${expected}`);
      }
    }
    expect(cases.length).toBeGreaterThan(150);
    expect(differences).toEqual([]);
  },
  accessTimeoutMs,
);

it('a key that is made and revoked by the deployed routes is of use, and then refused in a minute', async () => {
  const token = await issueTestToken(jwtKey);
  const created = await call('/api/v1/keys', token, {
    ...{ owner: 'e2e', scopes: ['read'], organizations: [organization] },
  });
  const { key, key_id: id } = (await created.json()) as { key: string; key_id: string };
  const path = `/api/v1/usage/summary/${organization}?start_date=${today}&end_date=${today}`;
  const statusNow = async () => (await call(path, key)).status;
  await expect.poll(statusNow, { timeout: tickMs, interval: pollMs }).toBe(200);
  expect((await call(`/api/v1/keys/${id}/revoke`, token, {})).status).toBe(200);
  await expect.poll(statusNow, { timeout: 60_000, interval: pollMs }).toBe(403);
});

it('U2 U8: what was sent through the API is the summary, after the deployed schedule has fired', async () => {
  await send('first', 1.5);
  await send('second', 2.25);
  await send('first', 1.5);
  await expect.poll(totals, { timeout: tickMs, interval: pollMs }).toEqual(total('3.75', 2));
  // The deployed consumer took part: a flusher that read the log by itself would say so.
  const [home] = servers.shards.slice(shardOf(partition));
  await send('third', 1);
  await expect.poll(totals, { timeout: tickMs, interval: pollMs }).toEqual(total('4.75', 3));
  const commits = await rowsOf(
    home?.urlFor('operator') ?? '',
    'select source from commit_ledger order by to_offset desc limit 1',
  );
  expect(commits).toEqual([{ source: 'segments' }]);
});

it('a record that is not ours is quarantined, and holds up nobody behind it', async () => {
  const kafka = new Kafka({ brokers: [servers.kafka], logLevel: logLevel.NOTHING });
  const producer = kafka.producer();
  await producer.connect();
  await producer.send({ topic: usageTopic.name, messages: [{ partition, value: 'not an envelope' }] });
  await producer.disconnect();
  await send('behind the poison', 1);
  await expect.poll(totals, { timeout: tickMs, interval: pollMs }).toEqual(total('5.75', 4));
  const bytes = Buffer.from('not an envelope').toString('base64');
  expect(await operate({ verb: 'quarantine', rows: 10 })).toMatchObject([{ partition, bytes }]);
});

it('U12: the deployed operator finds the proof of all commits whole', async () => {
  const verdicts = (await operate({ verb: 'verify' })) as readonly { readonly bad: readonly unknown[] }[];
  expect(verdicts.map(({ bad }) => bad)).toEqual([[], [], [], []]);
});

/** It runs beside the tests that follow: the flusher takes most of a minute, and one at a time. */
it('the stand-in for a scheduler that never fires finds the flusher', async () => {
  ticker = await startStandIn('ticker', [], 'the schedules run');
});

describe('the next deployment', () => {
  it('changes nothing where nothing was changed', async () => {
    expect(await deployment.cdk('diff', ...stacks)).toContain('Number of stacks with differences: 0');
  });

  it('brings changed code live', async () => {
    expect(await (await call('/health')).json()).toEqual({ status: 'ok' });
    deployment.change('functions/query/handler.ts', "{ status: 'ok' }", "{ status: 'ok', changed: true }");
    expect(await deployment.cdk('diff', ...stacks)).toContain('Number of stacks with differences: 1');
    await deployment.cdk('deploy', 'Odometer-local-App', '--require-approval', 'never');
    expect(await (await call('/health')).json()).toEqual({ status: 'ok', changed: true });
    expect(await totals()).toEqual(total('5.75', 4));
  });

  it('with another grant shows that IAM is enforced: the function cannot read its secret', async () => {
    deployment.change('infra/data-plane/named-secrets.ts', 'GetSecretValue', 'DescribeSecret');
    deployment.change('functions/query/handler.ts', 'changed: true', 'changed: false');
    await deployment.cdk('deploy', 'Odometer-local-App', '--require-approval', 'never');
    const refused = await call('/health');
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ code: 'secrets_unavailable' });
    await expect(operate({ verb: 'halts' })).rejects.toThrow(/cannot be read: AccessDenied/);
  });
});

it('the stand-in’s tick has run the deployed flusher', async () => {
  const ticked = () => /"report":\{"passes":(\d+)/.exec(ticker.output())?.[1];
  await expect.poll(() => Number(ticked()), { timeout: tickMs, interval: pollMs }).toBeGreaterThan(0);
});

it('destroying leaves nothing', async () => {
  const tagged = async (): Promise<readonly string[]> => {
    const request = new GetResourcesCommand({ TagFilters: [{ Key: 'project', Values: ['odometer'] }] });
    const { ResourceTagMappingList = [] } = await new ResourceGroupsTaggingAPIClient({}).send(request);
    return ResourceTagMappingList.map(({ ResourceARN = '' }) => ResourceARN);
  };
  expect((await tagged()).length).toBeGreaterThan(5);
  const events = await deployment.cdk('destroy', '--all', '--force', '--progress', 'events');
  expect(events).toContain('DELETE_COMPLETE');
  expect(events).not.toMatch(/DELETE_SKIPPED|DELETE_FAILED/);
  expect(await tagged()).toEqual([]);
});
