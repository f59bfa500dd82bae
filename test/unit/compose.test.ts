/** What can be said of `compose.yml` without an engine: it agrees with the code that it starts. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { authorizerConfig } from '../../functions/authorizer/config.ts';
import { consumerConfig } from '../../functions/consumer/config.ts';
import { flusherConfig } from '../../functions/flusher/config.ts';
import { ingestConfig } from '../../functions/ingest/config.ts';
import { metricsConfig } from '../../functions/metrics/config.ts';
import { queryConfig } from '../../functions/query/config.ts';
import {
  brokers,
  kafkaServers,
  redisHost,
  secretsDir,
  shardUrls,
} from '../../localstack/compose/addresses.ts';
import { tokenRequiredOf } from '../../localstack/runtime/auth-setting.ts';
import { runCommand } from '../../localstack/servers/command.ts';
import { kafkaProperties } from '../../localstack/servers/kafka-settings.ts';
import { postgresSettings } from '../../localstack/servers/postgres-settings.ts';
import { repositoryDir } from '../../localstack/settings.ts';
import { createTokenVerifier } from '../../shared/callers/jwt/token-verifier.ts';
import * as names from '../../shared/contracts/env.ts';
import { usageTopic } from '../../shared/contracts/topic.ts';
import { loadConfig } from '../../shared/runtime/config.ts';
import { systemClock } from '../../shared/runtime/process/system-clock.ts';
import { createFileSecrets } from '../../shared/runtime/secrets/file-secrets.ts';
import { fromSentinelUrl } from '../../shared/segments/redis/connect.ts';
import { makeTestFolder, removeTestFolder } from '../harness/servers/servers.ts';

const folder = join(repositoryDir, 'localstack');
const sdkVariables = ['AWS_ENDPOINT_URL', 'AWS_REGION', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'];
const words = z.union([z.string(), z.array(z.string())]);
const serviceSchema = z.object({
  image: z.string(),
  command: words.optional(),
  environment: z.record(z.string(), z.coerce.string()).default({}),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
});
const { services } = z
  .object({ services: z.record(z.string(), serviceSchema) })
  .parse(parse(readFileSync(join(folder, 'compose.yml'), 'utf8'), { merge: true }));

const serviceOf = (name: string) => {
  const service = services[name];
  if (service === undefined) throw new Error(`compose.yml has no service ${name}`);
  return service;
};
const roles = Object.entries(services).filter(([, { image }]) => image === 'odometer');

it('every port is published on this machine only, and it is the one that is promised', () => {
  const published = Object.entries(services).flatMap(([name, { ports }]) =>
    ports.map((port) => [name, ...port.split(':').slice(0, 2)]),
  );
  expect(published.map(([, host]) => host).filter((host) => host !== '127.0.0.1')).toEqual([]);
  expect(Object.fromEntries(published.map(([name, , port]) => [name, Number(port)]))).toEqual({
    nginx: 80,
    ...{ 'kafka-1': 9092, 'kafka-2': 9093, 'kafka-3': 9094 },
    ...{ 'shard-0': 5432, 'shard-1': 5433, 'shard-2': 5434, 'shard-3': 5435 },
    ...{ prometheus: 9090, grafana: 3000, 'kafka-ui': 8080, localstack: 4566 },
  });
});

it('the brokers are set as those of the twin, and carry the largest record of the topic', () => {
  const nodes = [1, 2, 3].map((id) => ({ id, brokerPort: 0, controllerPort: 0 }));
  expect(nodes).toHaveLength(brokers);
  const twin = new Map(
    nodes.flatMap((node) =>
      kafkaProperties(node, nodes, '')
        .split('\n')
        .map((line) => line.split('=') as [string, string]),
    ),
  );
  const own = /listener|voters|node\.id|log\.dirs|process\.roles/;
  for (const id of [1, 2, 3]) {
    const settings = Object.entries(serviceOf(`kafka-${id}`).environment)
      .filter(([name]) => name.startsWith('KAFKA_'))
      .map(
        ([name, value]) => [name.slice('KAFKA_'.length).toLowerCase().replaceAll('_', '.'), value] as const,
      )
      .filter(([name]) => !own.test(name));
    expect(settings.length).toBeGreaterThan(8);
    for (const [name, value] of settings) expect.soft(value, name).toBe(twin.get(name));
    expect(Object.fromEntries(settings)['message.max.bytes']).toBe(usageTopic.settings['max.message.bytes']);
  }
});

it('the shards are set as those of the twin', () => {
  const twin = postgresSettings(0).replaceAll("'", '').replaceAll(' = ', '=').split('\n');
  for (const shard of [0, 1, 2, 3]) {
    const settings = [...String(serviceOf(`shard-${shard}`).command).matchAll(/-c (\S+)/g)].map(
      ([, set]) => set,
    );
    expect(settings.length).toBeGreaterThan(5);
    expect(settings.filter((set) => !twin.includes(set ?? ''))).toEqual([]);
  }
});

it('Redis evicts nothing and keeps nothing on disk, as the twin', () => {
  const settings = readFileSync(join(folder, 'redis', 'redis.conf'), 'utf8');
  for (const line of ['maxmemory 256mb', 'maxmemory-policy noeviction', 'save ""', 'appendonly no'])
    expect(settings.split('\n')).toContain(line);
});

it('every role gets the settings that its functions read, and each name is a contract', async () => {
  const secretsFolder = makeTestFolder();
  const program = join(folder, 'compose', 'make-secrets.ts');
  const made = await runCommand(process.execPath, [program, secretsFolder]);
  expect(made, made.output).toMatchObject({ ok: true });
  const secrets = createFileSecrets(join(secretsFolder, 'roles.json'));
  const configs = {
    'api-1': [authorizerConfig, ingestConfig, queryConfig, metricsConfig],
    'api-2': [authorizerConfig, ingestConfig, queryConfig, metricsConfig],
    'api-3': [authorizerConfig, ingestConfig, queryConfig, metricsConfig],
    consumer: [consumerConfig],
    flusher: [flusherConfig],
  };
  for (const [role, schemas] of Object.entries(configs))
    for (const schema of schemas)
      await expect.soft(loadConfig(schema, serviceOf(role).environment, secrets), role).resolves.toBeTruthy();
  // Behind nginx nobody is known by an address, so Prometheus has a token, which every instance takes.
  const token = readFileSync(join(secretsFolder, 'prometheus-token'), 'utf8');
  const prometheus = readFileSync(join(folder, 'prometheus', 'prometheus.yml'), 'utf8');
  expect(prometheus).toContain(`credentials_file: ${secretsDir}/prometheus-token\n`);
  for (const role of ['api-1', 'api-2', 'api-3']) {
    const { environment } = serviceOf(role);
    expect.soft(tokenRequiredOf(environment), role).toBe(true);
    const verifier = createTokenVerifier(
      await loadConfig(authorizerConfig, environment, secrets),
      systemClock,
    );
    await expect.soft(verifier.verify(token), role).resolves.toMatchObject({
      kind: 'verified',
      claims: { scope: 'admin', organizations: '*' },
    });
  }
  // The SDK's own, for what is beside an emulator.
  const contracts = Object.values(names).filter((name) => typeof name === 'string');
  const known: ReadonlySet<string> = new Set([...contracts, ...sdkVariables]);
  const given = roles.flatMap(([, { environment }]) => Object.keys(environment));
  expect(given.filter((name) => !known.has(name))).toEqual([]);
  // What is deployed to an emulator beside the containers finds each of its secrets here.
  for (const name of Object.values(names.secretNames))
    await expect.soft(secrets.read(name), name).resolves.toBeTruthy();
  removeTestFolder(secretsFolder);
});

it('every host that a role or a settings file names is a service', () => {
  const sentinelUrl = serviceOf('consumer').environment[names.ENV_REDIS_SENTINEL_URL] ?? '';
  const { sentinels, name } = fromSentinelUrl({ sentinelUrl, url: 'redis://unused' });
  const sentinelConf = readFileSync(join(folder, 'redis', 'sentinel.conf'), 'utf8');
  expect(sentinelConf).toContain(`sentinel monitor ${name} ${redisHost} 6379`);
  const kafka = serviceOf('consumer').environment[names.ENV_KAFKA_BOOTSTRAP_SERVERS] ?? '';
  const hosts = [
    redisHost,
    ...sentinels.map(({ host }) => host),
    ...kafka.split(',').map((address) => address.split(':')[0] ?? ''),
    ...shardUrls('login', 'password').map((url) => new URL(url).hostname),
  ];
  expect(kafka.split(',')).toHaveLength(brokers);
  expect(kafka).toBe(kafkaServers);
  expect(serviceOf('poller').command).toContain(kafkaServers);
  expect(hosts.filter((host) => services[host] === undefined)).toEqual([]);
});

it('every program and file that a container is given exists', () => {
  const programs = roles.flatMap(([, { command = [] }]) =>
    [command].flat().filter((word) => word.endsWith('.ts')),
  );
  expect(programs.length).toBeGreaterThan(3);
  const mounted = Object.values(services).flatMap(({ volumes }) =>
    volumes
      .filter((volume) => volume.startsWith('./'))
      .map((volume) => join('localstack', volume.split(':')[0] ?? '')),
  );
  expect(mounted.length).toBeGreaterThan(5);
  expect([...programs, ...mounted].filter((path) => !existsSync(join(repositoryDir, path)))).toEqual([]);
  const shared = roles
    .flatMap(([, { volumes }]) => volumes)
    .filter((volume) => volume.startsWith('secrets:'));
  expect(new Set(shared)).toEqual(new Set([`secrets:${secretsDir}`]));
});
