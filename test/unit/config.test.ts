import { expect, it } from 'vitest';
import { consumerConfig } from '../../functions/consumer/config.ts';
import { flusherConfig } from '../../functions/flusher/config.ts';
import { ingestConfig } from '../../functions/ingest/config.ts';
import { metricsConfig } from '../../functions/metrics/config.ts';
import { operatorConfig } from '../../functions/operator/config.ts';
import { queryConfig } from '../../functions/query/config.ts';
import { usageTopic } from '../../shared/contracts/topic.ts';
import { shardCount } from '../../shared/limits.ts';
import { loadConfig } from '../../shared/runtime/config.ts';

const topic: string = usageTopic.name;
const noSecrets = { read: () => Promise.reject(new Error('no secret is read')) };
const key = Buffer.alloc(32, 1).toString('base64');
const urls = Array.from({ length: shardCount }, (_, shard) => `postgres://shard-${shard}/`).join(',');
const complete = {
  KAFKA_BOOTSTRAP_SERVERS: 'kafka:9092',

  REDIS_URL: 'redis://cache:6379',
  ENCRYPTION_KEY: key,
  RECEIPT_KEY: key,
  SEGMENT_KEY: key,
  SHARD_READER_URLS: urls,
  SHARD_WRITER_URLS: urls,
  SHARD_OPERATOR_URLS: urls,
  SHARD_OWNER_URLS: urls,
};
const log = { bootstrapServers: 'kafka:9092', topic, iamRegion: undefined };
const redis = { url: 'redis://cache:6379', sentinelUrl: undefined, topic };
const segmentKey = Buffer.alloc(32, 1);
const shardUrls = urls.split(',');

it('a function reads the parts that it needs, each the same everywhere', async () => {
  await expect(loadConfig(consumerConfig, complete, noSecrets)).resolves.toEqual({ redis, segmentKey });
  await expect(loadConfig(flusherConfig, complete, noSecrets)).resolves.toEqual({
    log,
    redis,
    segmentKey,
    shardUrls,
  });
  const reads = { log, redis, shardUrls };
  await expect(loadConfig(queryConfig, complete, noSecrets)).resolves.toEqual({
    ...reads,
    receiptKey: segmentKey,
  });
  await expect(loadConfig(metricsConfig, complete, noSecrets)).resolves.toEqual(reads);
  await expect(loadConfig(ingestConfig, complete, noSecrets)).resolves.toMatchObject({
    log,
    receiptKey: segmentKey,
  });
});

it.each([
  ['query', queryConfig, 'SHARD_READER_URLS'],
  ['metrics', metricsConfig, 'SHARD_READER_URLS'],
  ['flusher', flusherConfig, 'SHARD_WRITER_URLS'],
  ['operator', operatorConfig, 'SHARD_OWNER_URLS'],
])('%s refuses a shard too few with the one message of this rule', async (_name, schema, variable) => {
  const environment = { ...complete, [variable]: 'postgres://shard-0/' };
  await expect(loadConfig(schema, environment, noSecrets)).rejects.toMatchObject({
    code: 'config_invalid',
    message: `the environment is not usable:\n  ${variable}: must be 4 addresses in shard order`,
  });
});

it('the problems of all parts are reported at once', async () => {
  const environment = { SEGMENT_KEY: 'short', KAFKA_AUTH: 'msk-iam', SHARD_WRITER_URLS: 'one' };
  const loaded = loadConfig(flusherConfig, environment, noSecrets);
  for (const name of ['KAFKA_BOOTSTRAP_SERVERS', 'REDIS_URL', 'SEGMENT_KEY', 'SHARD_WRITER_URLS'])
    await expect.soft(loaded).rejects.toThrow(`\n  ${name}: `);
});
