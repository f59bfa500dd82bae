/** Passwords change under running functions: what is refused is said, and the next invocation has the new secret. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, inject, it, vi } from 'vitest';
import { inSession } from '../../localstack/servers/postgres-session.ts';
import {
  ENV_RECEIPT_KEY,
  ENV_REDIS_URL,
  ENV_SECRETS_FILE,
  ENV_SHARD_OPERATOR_URLS,
  ENV_SHARD_OWNER_URLS,
  ENV_SHARD_READER_URLS,
  ENV_SHARD_WRITER_URLS,
} from '../../shared/contracts/env.ts';
import { transactionStartRemainingMs } from '../../shared/limits.ts';
import { partitionOf } from '../../shared/log/routing.ts';
import { createSegmentStore } from '../../shared/segments/redis/segment-store.ts';
import { bodyOf, lambdaContext, summaryEvent } from '../harness/builders/handlers.ts';
import { envelope, sealedEvent } from '../harness/builders/records.ts';
import { KeptClients } from '../harness/pipeline/kept-clients.ts';
import { mskEvent, openPipeline, type Pipeline } from '../harness/pipeline/pipeline.ts';
import { makeTestFolder, removeTestFolder } from '../harness/servers/servers.ts';

/** Logins of this file only: they belong to the servers, not to its databases. */
const logins = {
  reader: 'renewal_reader',
  writer: 'renewal_writer',
  operator: 'renewal_operator',
  cache: 'renewal',
} as const;
const organization = 'org_1';
const partition = partitionOf(organization, 20);

let folder: string;
let pipeline: Pipeline;
let redis: Redis;
let sequence = 0;
let functions: Awaited<ReturnType<typeof loadFunctions>>;
const clients = new KeptClients();
const secrets = { readers: '', writers: '', operators: '', cache: '' };

beforeAll(async () => {
  folder = makeTestFolder();
  pipeline = await openPipeline();
  redis = new Redis(inject('servers').redis);
  await onShards(`create role ${logins.reader} login in role odometer_reader;
    create role ${logins.writer} login in role odometer_writer;
    create role ${logins.operator} login in role billing`);
  for (const [name, value] of Object.entries(pipeline.environment)) vi.stubEnv(name, value);
  vi.stubEnv('LOG_LEVEL', 'silent');
  vi.stubEnv(ENV_RECEIPT_KEY, Buffer.alloc(32, 3).toString('base64'));
  vi.stubEnv(ENV_SECRETS_FILE, join(folder, 'secrets.json'));
  vi.stubEnv(ENV_SHARD_READER_URLS, 'secret:readers');
  vi.stubEnv(ENV_SHARD_WRITER_URLS, 'secret:writers');
  vi.stubEnv(ENV_SHARD_OPERATOR_URLS, 'secret:operators');
  vi.stubEnv(ENV_SHARD_OWNER_URLS, pipeline.shards.ownerUrls.join(','));
  vi.stubEnv(ENV_REDIS_URL, 'secret:cache');
  functions = await loadFunctions();
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await clients.close();
  await pipeline.close();
  await onShards(`drop role ${logins.reader}; drop role ${logins.writer}; drop role ${logins.operator}`);
  await redis.call('acl', 'deluser', logins.cache);
  redis.disconnect();
  removeTestFolder(folder);
});

/** Loaded when the environment says how much they log. */
async function loadFunctions() {
  const consumer = await import('../../functions/consumer/handler.ts');
  const flusher = await import('../../functions/flusher/handler.ts');
  const operator = await import('../../functions/operator/handler.ts');
  const query = await import('../../functions/query/handler.ts');
  return {
    consume: consumer.handler,
    flush: flusher.handler,
    operate: operator.handler,
    query: query.handler,
  };
}

function onShards(sql: string): Promise<unknown> {
  return Promise.all(
    inject('servers').superuserUrls.map((url) => inSession(url, (client) => client.query(sql))),
  );
}

/** A new password at the servers, whose sessions end; answers how its secret is published. */
async function changePassword(role: 'reader' | 'writer' | 'operator'): Promise<() => void> {
  const login = logins[role];
  const password = randomBytes(9).toString('hex');
  await onShards(`alter role ${login} password '${password}';
    select pg_terminate_backend(pid) from pg_stat_activity where usename = '${login}'`);
  const urls = pipeline.shards.writerUrls.map((text) => {
    const url = new URL(text);
    [url.username, url.password] = [login, password];
    return url.href;
  });
  return () => publish(`${role}s`, urls.join(','));
}

async function changeCachePassword(): Promise<() => void> {
  const password = randomBytes(9).toString('hex');
  await redis.call('acl', 'setuser', logins.cache, 'on', 'resetpass', `>${password}`, '~*', '&*', '+@all');
  await redis.call('client', 'kill', 'user', logins.cache);
  const url = new URL(inject('servers').redis);
  [url.username, url.password] = [logins.cache, password];
  return () => publish('cache', url.href);
}

function publish(name: keyof typeof secrets, value: string): void {
  secrets[name] = value;
  writeFileSync(join(folder, 'secrets.json'), JSON.stringify(secrets));
}

async function appendEvent(): Promise<number> {
  sequence += 1;
  const event = sealedEvent({ organization, idempotencyKey: `key-${sequence}` });
  return pipeline.append(partition, [envelope([event], { partition, sequence })]);
}

const summary = () => functions.query(summaryEvent(organization, '2026-11-20'), lambdaContext());

/** One invocation that has time for a pass or two. */
function invokeFlusher() {
  const endMs = Date.now() + transactionStartRemainingMs + 1500;
  return functions.flush({}, { getRemainingTimeInMillis: () => endMs - Date.now() });
}

it('U6: a consumer whose Redis password changed connects anew at its next invocation, and stores', async () => {
  (await changeCachePassword())();
  const value = envelope([sealedEvent({ organization })], { partition: 3 });
  const deliver = (offset: number) =>
    functions.consume(mskEvent(pipeline.topic.topic, 3, [{ offset, value }]));
  const stored = async () => (await segments.list([3], 10)).get(3)?.map(({ from }) => from);
  const segments = createSegmentStore({ url: inject('servers').redis, topic: pipeline.topic.topic });
  await deliver(0);
  expect(await stored()).toEqual([0]);
  (await changeCachePassword())();
  await delay(300);
  expect(await deliver(1)).toEqual({ batchItemFailures: [] });
  expect(await stored()).toEqual([0, 1]);
  await redis.call('acl', 'log', 'reset');
  await delay(1500);
  // The client of the old password is gone: it would try again every second.
  expect(await redis.call('acl', 'log')).toEqual([]);
  await segments.close();
});

it('a reader whose password changed answers 503 once, then reads the new secret', async () => {
  (await changePassword('reader'))();
  expect(await summary()).toMatchObject({ statusCode: 200 });
  const publishSecret = await changePassword('reader');
  publishSecret();
  const refused = await summary();
  expect(refused).toMatchObject({ statusCode: 503, headers: { 'retry-after': '1' } });
  expect(bodyOf(refused).code).toBe('credentials_refused');
  expect(await summary()).toMatchObject({ statusCode: 200 });
});

it('U9: a flusher whose password changed pauses, and the next invocation commits; nothing is counted twice', async () => {
  (await changePassword('writer'))();
  (await changeCachePassword())();
  await appendEvent();
  await expect.poll(invokeFlusher, { timeout: 30_000 }).toMatchObject({ commits: 1 });
  const publishSecret = await changePassword('writer');
  publishSecret();
  await appendEvent();
  expect(await invokeFlusher()).toMatchObject({ commits: 0 });
  await expect.poll(invokeFlusher, { timeout: 30_000 }).toMatchObject({ commits: 1 });
  expect((await pipeline.recount()).differences).toEqual([]);
});

it('the operator reads its secrets at each invocation: migrate sets the passwords that they hold', async () => {
  for (let change = 0; change < 2; change += 1) {
    (await changePassword('operator'))();
    expect(await functions.operate({ verb: 'halts' })).toEqual([]);
  }
});
