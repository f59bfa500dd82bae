/** Connections die between two invocations, as those of a frozen function do: the next one connects again. */
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import {
  ENV_ENCRYPTION_KEY,
  ENV_KAFKA_TOPIC,
  ENV_RECEIPT_KEY,
  ENV_REDIS_URL,
  ENV_SHARD_READER_URLS,
} from '../../shared/contracts/env.ts';
import { shardConnectTimeoutMs, wakeAnswerTimeoutMs } from '../../shared/limits.ts';
import { partitionOf, shardOf } from '../../shared/log/routing.ts';
import { createSegmentStore } from '../../shared/segments/redis/segment-store.ts';
import { batchEvent, bodyOf, lambdaContext, summaryEvent, usageBody } from '../harness/builders/handlers.ts';
import { envelope, sealedEvent } from '../harness/builders/records.ts';
import { KeptClients } from '../harness/pipeline/kept-clients.ts';
import { mskEvent, openPipeline, type Pipeline } from '../harness/pipeline/pipeline.ts';
import { type CutProxy, cutProxy, type Death } from '../harness/proxy/cut-proxy.ts';

const organization = 'org_1';
const home = shardOf(partitionOf(organization, 20));
/** Longer than a producer may be idle without being looked at twice. */
const sleepMs = 5500;
/** What finding a dead connection may cost, with a margin for a busy machine. */
const wakeMs = wakeAnswerTimeoutMs + 1500;

let pipeline: Pipeline;
let functions: Awaited<ReturnType<typeof loadFunctions>>;
let proxies: Record<'kafka' | 'postgres' | 'redis', CutProxy>;
let offset = 0;
const clients = new KeptClients();

beforeAll(async () => {
  pipeline = await openPipeline();
});
afterAll(async () => {
  await pipeline.close();
});
beforeEach(async () => {
  const { kafka, redis } = inject('servers');
  const reader = pipeline.shards.readerUrls[home] ?? '';
  proxies = {
    kafka: await cutProxy(`kafka://${kafka}`),
    postgres: await cutProxy(reader),
    redis: await cutProxy(redis),
  };
  throughProxy(Number(new URL(`kafka://${kafka}`).port), Number(new URL(proxies.kafka.url).port));
  for (const [name, value] of Object.entries(pipeline.environment)) vi.stubEnv(name, value);
  vi.stubEnv('LOG_LEVEL', 'silent');
  vi.stubEnv(ENV_KAFKA_TOPIC, pipeline.topic.topic);
  vi.stubEnv(ENV_REDIS_URL, proxies.redis.url);
  vi.stubEnv(ENV_ENCRYPTION_KEY, Buffer.alloc(32, 1).toString('base64'));
  vi.stubEnv(ENV_RECEIPT_KEY, Buffer.alloc(32, 3).toString('base64'));
  const urls = pipeline.shards.readerUrls.map((url, shard) => (shard === home ? proxies.postgres.url : url));
  vi.stubEnv(ENV_SHARD_READER_URLS, urls.join(','));
  vi.resetModules();
  functions = await loadFunctions();
});
afterEach(async () => {
  await Promise.all(Object.values(proxies).map((proxy) => proxy.close()));
  await clients.close();
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

/** New environments of the functions, as after a deployment. */
async function loadFunctions() {
  const ingest = await import('../../functions/ingest/handler.ts');
  const query = await import('../../functions/query/handler.ts');
  const consumer = await import('../../functions/consumer/handler.ts');
  return { ingest: ingest.handler, query: query.handler, consume: consumer.handler };
}

/** A broker says by itself where it is, so the way through the proxy is put below the client. */
function throughProxy(port: number, proxyPort: number): void {
  const { connect } = net;
  vi.spyOn(net, 'connect').mockImplementation((...values: unknown[]) => {
    const [options, ...rest] = values as [net.TcpNetConnectOpts, (() => void)?];
    return connect({ ...options, port: options.port === port ? proxyPort : options.port }, ...rest);
  });
}

const accept = (key: string) =>
  functions.ingest(batchEvent([usageBody({ idempotency_key: key, timestamp: undefined })]), lambdaContext());
const summary = () => functions.query(summaryEvent(organization, '2026-11-20'), lambdaContext());
const store = () => {
  const value = envelope([sealedEvent({ organization })], { partition: 3 });
  offset += 1;
  return functions.consume(mskEvent(pipeline.topic.topic, 3, [{ offset, value }]));
};

async function timed<T>(work: Promise<T>): Promise<{ readonly result: T; readonly ms: number }> {
  const startMs = Date.now();
  const result = await work;
  return { result, ms: Date.now() - startMs };
}

describe.each<Death>(['reset', 'silence'])('connections that died by %s', (death) => {
  it('U1: ingest appends again and accepts', async () => {
    expect(await accept('before')).toMatchObject({ statusCode: 202 });
    await delay(sleepMs);
    expect(proxies.kafka.kill(death)).toBeGreaterThan(0);
    const { result, ms } = await timed(accept('after'));
    expect(result).toMatchObject({ statusCode: 202 });
    expect(ms).toBeLessThan(wakeMs);
  });

  it('query reads again and answers', async () => {
    expect(await summary()).toMatchObject({ statusCode: 200 });
    expect(proxies.postgres.kill(death)).toBeGreaterThan(0);
    const { result, ms } = await timed(summary());
    expect(result).toMatchObject({ statusCode: 200 });
    expect(ms).toBeLessThan(wakeMs);
  });

  it('U6: the consumer leaves a range to the log, and stores the next ones', async () => {
    await store();
    expect(proxies.redis.kill(death)).toBeGreaterThan(0);
    const { result, ms } = await timed(store());
    expect(result).toEqual({ batchItemFailures: [] });
    expect(ms).toBeLessThan(1000);
    const segments = createSegmentStore({ url: inject('servers').redis, topic: pipeline.topic.topic });
    const lastStored = async () => (await segments.list([3], 100)).get(3)?.at(-1)?.from;
    const storesAgain = async () =>
      (await store()).batchItemFailures.length === 0 && (await lastStored()) === offset;
    await expect.poll(storesAgain, { timeout: 5000, interval: 300 }).toBe(true);
    await segments.close();
  });
});

describe('servers that are down', () => {
  it('make ingest answer 503, and Retry-After', async () => {
    await accept('before');
    await proxies.kafka.close();
    const result = await accept('after');
    expect(result).toMatchObject({ statusCode: 503, headers: { 'retry-after': '1' } });
    expect(bodyOf(result).code).toBe('log_unavailable');
  });

  it('make query answer 503 in time, and Retry-After', async () => {
    await summary();
    await proxies.postgres.close();
    const { result, ms } = await timed(summary());
    expect(result).toMatchObject({ statusCode: 503, headers: { 'retry-after': '1' } });
    expect(bodyOf(result).code).toBe('shard_unavailable');
    expect(ms).toBeLessThan(wakeAnswerTimeoutMs + 2 * shardConnectTimeoutMs);
  });
});
