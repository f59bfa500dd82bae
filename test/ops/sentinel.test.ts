/** A primary, a replica and a Sentinel with the files that compose mounts: what a failover does to segments. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '../../localstack/servers/ports.ts';
import { redisProgram } from '../../localstack/servers/redis.ts';
import { repositoryDir, twinSettings } from '../../localstack/settings.ts';
import { createSegmentStore } from '../../shared/segments/redis/segment-store.ts';
import type { SegmentStore } from '../../shared/segments/segment-store.ts';
import { type Program, replaceEach, startProgram } from '../harness/servers/program.ts';
import { makeTestFolder, removeTestFolder } from '../harness/servers/servers.ts';

const settings = join(repositoryDir, 'localstack', 'redis');
const password = 'failover-password';
const bytes = Buffer.from('segment');
const failoverMs = 30_000;
const pollMs = 100;

let folder: string;
let program: string;
let store: SegmentStore;
const running: Record<'primary' | 'replica' | 'sentinel', Program | undefined> = {
  primary: undefined,
  replica: undefined,
  sentinel: undefined,
};
const ports = { primary: 0, replica: 0, sentinel: 0 };

beforeAll(async () => {
  folder = makeTestFolder();
  program = await redisProgram(twinSettings().cacheDir, () => undefined);
  for (const role of ['primary', 'replica', 'sentinel'] as const) ports[role] = await freePort();
  running.primary = await startRedis('primary', []);
  running.replica = await startRedis('replica', ['--replicaof', '127.0.0.1', String(ports.primary)]);
  running.sentinel = await startSentinel();
  const sentinelUrl = `sentinel://127.0.0.1:${ports.sentinel}/odometer`;
  // The host of the URL is nobody's: with a Sentinel it gives only the credentials.
  store = createSegmentStore({ url: `redis://:${password}@nowhere.invalid`, sentinelUrl, topic: 'failover' });
});
afterAll(async () => {
  await store?.close();
  await Promise.all(Object.values(running).map((one) => one?.kill('SIGKILL')));
  removeTestFolder(folder);
});

/** One answer of a server that is asked once. */
async function ask(port: number, command: string, ...args: string[]): Promise<string> {
  const options = {
    lazyConnect: true,
    retryStrategy: () => null,
    ...(port === ports.sentinel ? {} : { password }),
  };
  const redis = new Redis(port, '127.0.0.1', options);
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    return String(await redis.call(command, ...args));
  } finally {
    redis.disconnect();
  }
}

function startRedis(role: 'primary' | 'replica', replicaOf: readonly string[]): Promise<Program> {
  const port = String(ports[role]);
  const conf = join(folder, `${role}.conf`);
  copyFileSync(join(settings, 'redis.conf'), conf);
  const args = ['--port', port, '--bind', '127.0.0.1', '--dir', folder, '--requirepass', password];
  const ready = async () => {
    const state = await ask(ports[role], 'info', 'replication');
    return role === 'primary' || state.includes('master_link_status:up');
  };
  return startProgram(program, [conf, ...args, '--masterauth', password, ...replicaOf], ready);
}

function startSentinel(): Promise<Program> {
  const conf = join(folder, 'sentinel.conf');
  const text = replaceEach(readFileSync(join(settings, 'sentinel.conf'), 'utf8'), {
    'port 26379': `port ${ports.sentinel}\nbind 127.0.0.1\ndir "${folder}"`,
    'redis-primary 6379': `127.0.0.1 ${ports.primary}`,
  });
  writeFileSync(conf, `${text}sentinel auth-pass odometer ${password}\n`);
  // The replica too must be known, or there is nobody to promote.
  const ready = async () =>
    (await ask(ports.sentinel, 'sentinel', 'replicas', 'odometer')).includes(String(ports.replica));
  return startProgram(program, [conf, '--sentinel'], ready);
}

const recordHash = 'ab'.repeat(32);
const storedPlaces = async () => ((await store.list([1], 10)).get(1) ?? []).map(({ from, to }) => [from, to]);

it('U6: when the primary is killed, Sentinel promotes the replica and segments work again', async () => {
  expect(await store.append(1, { from: 0, to: 10, events: 10, recordHash }, bytes)).toBe('stored');
  await expect.poll(() => ask(ports.replica, 'dbsize'), { timeout: 5_000 }).not.toBe('0');
  const killedAtMs = Date.now();
  await running.primary?.kill('SIGKILL');
  // Down costs speed only: a call fails soon, as a value that its caller knows what to do about.
  await expect(store.append(1, { from: 10, to: 20, events: 10, recordHash }, bytes)).rejects.toMatchObject({
    code: 'segments_unavailable',
  });
  expect(await appendedWithin(failoverMs)).toBe('stored');
  expect(Date.now() - killedAtMs).toBeLessThan(failoverMs);
  expect(await storedPlaces()).toEqual([
    [0, 10],
    [10, 20],
  ]);
  await store.assertNothingEvicted();
});

it('the old primary comes back as a replica, and what was stored meanwhile stays', async () => {
  running.primary = await startRedis('primary', []);
  const isReplica = async () => (await ask(ports.primary, 'role')).startsWith('slave');
  await expect.poll(isReplica, { timeout: failoverMs, interval: pollMs }).toBe(true);
  expect((await storedPlaces()).length).toBe(2);
});

async function appendedWithin(ms: number): Promise<string> {
  const giveUpMs = Date.now() + ms;
  for (;;) {
    try {
      return await store.append(1, { from: 10, to: 20, events: 10, recordHash }, bytes);
    } catch (error) {
      if (Date.now() > giveUpMs) throw error;
      await delay(pollMs);
    }
  }
}
