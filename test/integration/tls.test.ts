/** Every client of ours over TLS, against servers that speak nothing else: what they do, and whom they refuse. */
import { setDefaultCACertificates } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { databaseUrl, provisionShard, setServicePasswords } from '../../localstack/servers/provision.ts';
import { ensureTopic } from '../../localstack/servers/topic-admin.ts';
import { migrateShard } from '../../migrations/migrate.ts';
import { createShardLedger } from '../../shared/ledger/postgres/shard-ledger.ts';
import { createSummaryReader } from '../../shared/ledger/postgres/summary-reader.ts';
import type { LogConnection } from '../../shared/log/kafka/log-connection.ts';
import { createLogReader } from '../../shared/log/kafka/log-reader.ts';
import { createLogWriter } from '../../shared/log/kafka/log-writer.ts';
import { partitionOf, routeMapVersion } from '../../shared/log/routing.ts';
import { createSegmentStore } from '../../shared/segments/redis/segment-store.ts';
import { makeTestFolder, removeTestFolder } from '../harness/servers/servers.ts';
import {
  makeCertificate,
  sentinelSettings,
  sessionMsMax,
  startTlsKafka,
  startTlsPostgres,
  startTlsRedis,
  type TlsServer,
} from '../harness/servers/tls-servers.ts';

const password = 'tls-password';
const partitions = 4;
const topic = 'tls';
const passwords = {
  ...{ writer: password, reader: password, operator: password },
  ...{ authorizer: password, keys: password },
};
/** Long enough for an answer, short enough for a refusal that is asked for again and again. */
const timeoutMs = 1000;

let folder: string;
let topicId: string;
const running: TlsServer[] = [];
const ports = { kafka: 0, postgres: 0, redis: 0, sentinel: 0 };

beforeAll(async () => {
  folder = makeTestFolder();
  const certificate = await makeCertificate(folder);
  // As NODE_EXTRA_CA_CERTS does it for a function; the clients themselves get no setting.
  setDefaultCACertificates([certificate.authority]);
  const keep = (server: TlsServer): number => {
    running.push(server);
    return server.port;
  };
  ports.kafka = keep(await startTlsKafka(folder, certificate));
  ports.postgres = keep(await startTlsPostgres(folder, certificate, password));
  const redis = ['--requirepass', password, '--maxmemory-policy', 'noeviction', '--save', ''];
  ports.redis = keep(await startTlsRedis(certificate, redis));
  ports.sentinel = keep(
    await startTlsRedis(certificate, [], sentinelSettings(folder, ports.redis, password)),
  );
  topicId = (await ensureTopic({ ...place(), topic, partitions, replicationFactor: 1, settings: {} }))
    .topicId;
  await migrate();
});
afterAll(async () => {
  await Promise.all(running.map((server) => server.kill('SIGKILL')));
  removeTestFolder(folder);
});

/** What Kafka's validator of unsecured tokens believes: any subject, until it expires. */
function tokenOf(lifeSeconds: number, sub = 'odometer'): string {
  const seconds = Math.floor(Date.now() / 1000);
  const parts = [{ alg: 'none' }, { sub, iat: seconds - 60, exp: seconds + lifeSeconds }];
  return `${parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.`;
}

function place(host = 'localhost', lifeSeconds = 600): LogConnection {
  const security = { token: async () => tokenOf(lifeSeconds) };
  return { bootstrapServers: `${host}:${ports.kafka}`, security };
}

function shardUrl(login: string, host = 'localhost', query = '?sslmode=verify-full'): string {
  return `postgres://${login}:${password}@${host}:${ports.postgres}/billing_shard_0${query}`;
}

async function migrate(): Promise<void> {
  const superuserUrl = databaseUrl(shardUrl('postgres'), 'postgres');
  await provisionShard({ superuserUrl, database: 'billing_shard_0', ownerPassword: password });
  const ownerUrl = shardUrl('odometer_owner');
  const shard = { shard: 0, topicId, mapVersion: routeMapVersion, partitions: [0], generation: 1 };
  await migrateShard({ ownerUrl, ...shard });
  await setServicePasswords(ownerUrl, passwords);
}

const openLedger = (url: string) => createShardLedger({ url, shard: 0, mapVersion: routeMapVersion });
const openSummaries = (url: string) => createSummaryReader({ urls: Array(4).fill(url), partitions });
const openWriter = (at: LogConnection) => createLogWriter({ ...at, topic, timeoutMs });
const openReader = (at: LogConnection) => createLogReader({ ...at, topic });
const openSegments = (url: string) => createSegmentStore({ url, topic });
const redisUrl = (host = 'localhost', scheme = 'rediss') => `${scheme}://:${password}@${host}:${ports.redis}`;
/** An organization of partition 0. */
const organization = Array.from({ length: 100 }, (_, i) => `org_${i}`).find(
  (name) => partitionOf(name, partitions) === 0,
) as string;
const day = { organization, startDay: 20_000, endDay: 20_001 };
const range = { from: 0, to: 1, events: 1 };
const value = Buffer.from('record');

/** Runs `work` with a client and closes it. */
async function using<C extends { close(): Promise<void> }, T>(client: C, work: (client: C) => Promise<T>) {
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

/** The error with every cause in one text: who reads a log line sees all of it. */
async function failureOf(work: Promise<unknown>) {
  const error = await work.then(
    () => undefined,
    (failure: unknown) => failure,
  );
  const { code, retryable } = (error ?? {}) as { code?: string; retryable?: boolean };
  return { code, retryable, text: textOf(error) };
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const inner = error instanceof AggregateError ? error.errors.map(textOf).join(' ') : '';
  return `${error.message} ${inner} ${textOf(error.cause)}`;
}

describe('Kafka by TLS and token', () => {
  it('appends with kafkajs and reads with the direct reader', async () => {
    const appended = await using(openWriter(place()), (writer) => writer.append([{ partition: 1, value }]));
    expect(appended).toEqual([{ partition: 1, offset: 0 }]);
    await using(openReader(place()), async (reader) => {
      expect((await reader.bounds()).get(1)).toEqual({ start: 0, end: 1 });
      const read = await reader.read([{ partition: 1, from: 0, bytesMax: 1000 }]);
      expect(read.get(1)).toEqual([{ offset: 0, value }]);
    });
  });

  it.concurrent.each([
    ['the same identity', () => 'odometer'],
    ['another identity, which a session may not change to', (tokens: number) => `odometer-${tokens}`],
  ])('a session that ends goes on with a token of %s', async (_, subject) => {
    let tokens = 0;
    const token = async () => {
      tokens += 1;
      return tokenOf(600, subject(tokens));
    };
    const at = { ...place(), security: { token } };
    await using(openWriter(at), (writer) =>
      using(openReader(at), async (reader) => {
        const endMs = Date.now() + 1.5 * sessionMsMax;
        while (Date.now() < endMs) {
          await writer.append([{ partition: 2, value }]);
          await reader.read([{ partition: 2, from: 0, bytesMax: 1000 }]);
          await new Promise((resolve) => setTimeout(resolve, 1500));
        }
      }),
    );
    expect(tokens).toBeGreaterThan(4);
  });

  const refused = { code: 'log_unavailable', retryable: true };
  it.each([
    ['a host name that is not the certificate’s', () => place('127.0.0.1'), /does not match certificate/],
    ['an expired token', () => place('localhost', -30), /SASL|authentication/i],
    ['a client in plain text', () => ({ bootstrapServers: place().bootstrapServers }), /./],
  ])('refuses %s', async (_, where, reason) => {
    const append = () => using(openWriter(where()), (writer) => writer.append([{ partition: 1, value }]));
    const bounds = () => using(openReader(where()), (reader) => reader.bounds());
    for (const failure of [await failureOf(append()), await failureOf(bounds())])
      expect(failure).toEqual({ ...refused, text: expect.stringMatching(reason) });
  });
});

describe('Postgres by TLS', () => {
  it('the ledger and the summaries work', async () => {
    await using(openLedger(shardUrl('odometer_writer')), async (ledger) => {
      expect(await ledger.topicId()).toBe(topicId);
      expect(await ledger.progress()).toMatchObject([{ partition: 0, nextOffset: 0 }]);
    });
    const summary = await using(openSummaries(shardUrl('odometer_reader')), (reader) =>
      reader.summarize(day),
    );
    expect(summary.metrics).toEqual([]);
  });

  it.each([
    [
      'a host name that is not the certificate’s',
      ['127.0.0.1'],
      'shard_unavailable',
      /does not match certificate/,
    ],
    ['a client in plain text', ['localhost', ''], 'credentials_refused', /no encryption/],
  ])('refuses %s', async (_, where, code, reason) => {
    const progress = () =>
      using(openLedger(shardUrl('odometer_writer', ...where)), (ledger) => ledger.progress());
    const summary = () =>
      using(openSummaries(shardUrl('odometer_reader', ...where)), (it) => it.summarize(day));
    for (const failure of [await failureOf(progress()), await failureOf(summary())])
      expect(failure).toEqual({ code, retryable: true, text: expect.stringMatching(reason) });
  });
});

describe('Redis by TLS', () => {
  it('segments are appended and listed, also by way of a Sentinel', async () => {
    await using(openSegments(redisUrl()), async (segments) => {
      await segments.assertNothingEvicted();
      expect(await segments.append(0, { ...range, recordHash: 'ab'.repeat(32) }, value)).toBe('stored');
    });
    // The host of the URL is nobody's: with a Sentinel it gives only the credentials.
    await using(viaSentinel('localhost'), async (segments) => {
      expect((await segments.list([0], 10)).get(0)).toEqual([range]);
    });
  });

  const refused = { code: 'segments_unavailable', retryable: true };
  it.each([
    [
      'a host name that is not the certificate’s',
      () => openSegments(redisUrl('127.0.0.1')),
      /does not match certificate/,
    ],
    ['a Sentinel of another name', () => viaSentinel('127.0.0.1'), /./],
    ['a client in plain text', () => openSegments(redisUrl('localhost', 'redis')), /./],
  ])('refuses %s', async (_, open, reason) => {
    await using(open(), async (segments) => {
      const first = await failureOf(segments.append(0, { ...range, recordHash: 'ab'.repeat(32) }, value));
      const again = await failureOf(segments.append(0, { ...range, recordHash: 'ab'.repeat(32) }, value));
      expect([first, again]).toEqual(Array(2).fill({ ...refused, text: expect.stringMatching(reason) }));
    });
  });
});

function viaSentinel(host: string) {
  const sentinelUrl = `sentinel://${host}:${ports.sentinel}/odometer`;
  return createSegmentStore({ url: `rediss://:${password}@nowhere.invalid`, sentinelUrl, topic });
}
