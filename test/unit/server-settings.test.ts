import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { cachedFolder } from '../../localstack/servers/cache.ts';
import { javaVersionIn } from '../../localstack/servers/java.ts';
import jars from '../../localstack/servers/kafka-jars.json' with { type: 'json' };
import { jarName } from '../../localstack/servers/kafka-jars.ts';
import { kafkaProperties } from '../../localstack/servers/kafka-settings.ts';
import { choosePorts } from '../../localstack/servers/ports.ts';
import { postgresSettings } from '../../localstack/servers/postgres-settings.ts';
import { redisSettings } from '../../localstack/servers/redis.ts';
import { loadSecrets } from '../../localstack/servers/secrets.ts';
import { twinSettings } from '../../localstack/settings.ts';
import { scramVerifier } from '../../shared/ledger/postgres/scram.ts';

const folder = mkdtempSync(join(tmpdir(), 'odometer-unit-'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('server settings', () => {
  const nodes = [1, 2, 3].map((id) => ({ id, brokerPort: 20_000 + id, controllerPort: 21_000 + id }));

  it('one broker keeps one copy and listens on the loopback address only', () => {
    const [node] = nodes;
    const text = node === undefined ? '' : kafkaProperties(node, [node], '/data');
    expect(text).toContain('listeners=BROKER://127.0.0.1:20001,CONTROLLER://127.0.0.1:21001\n');
    expect(text).toContain('controller.quorum.voters=1@127.0.0.1:21001\n');
    expect(text).toContain('offsets.topic.replication.factor=1\n');
    expect(text).toContain('min.insync.replicas=1\n');
    expect(text).toContain('message.max.bytes=4194304\n');
  });

  it('three brokers keep three copies, two of them before a record is acknowledged', () => {
    const [node] = nodes;
    const text = node === undefined ? '' : kafkaProperties(node, nodes, '/data');
    expect(text).toContain('default.replication.factor=3\n');
    expect(text).toContain('min.insync.replicas=2\n');
    expect(text).toContain(
      'controller.quorum.voters=1@127.0.0.1:21001,2@127.0.0.1:21002,3@127.0.0.1:21003\n',
    );
  });

  it('Redis refuses rather than evicts, and wants its password', () => {
    const text = redisSettings(20_000, 'abc');
    expect(text).toContain('maxmemory-policy noeviction\n');
    expect(text).toContain('requirepass abc\n');
    expect(text).toContain('bind 127.0.0.1\n');
  });

  it('Postgres writes commits to disk and speaks on the loopback address only', () => {
    const text = postgresSettings(20_000);
    expect(text).toContain('fsync = on\n');
    expect(text).toContain("listen_addresses = '127.0.0.1'\n");
    expect(text).toContain("unix_socket_directories = ''\n");
  });

  it('the list of jars names each by coordinates and SHA-256', () => {
    const entries = Object.entries(jars);
    expect(entries).toHaveLength(45);
    for (const [coordinates, sha256] of entries) {
      expect(coordinates).toMatch(/^[\w.-]+:[\w.-]+:[\w.-]+$/);
      expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    }
    expect(jarName('org.apache.kafka:kafka_2.13:4.4.0')).toBe('kafka_2.13-4.4.0.jar');
  });

  it.each([
    ['openjdk version "17.0.15" 2025-04-15', 17],
    ['java version "1.8.0_402"', 8],
    ['Picked up JAVA_TOOL_OPTIONS: -Xint\nopenjdk version "25" 2025-09-16', 25],
    ['The operation couldn’t be completed. Unable to locate a Java Runtime.', 0],
  ])('the Java that says %j is version %i', (output, version) => {
    expect(javaVersionIn(output)).toBe(version);
  });
});

describe('what lasts below the data directory', () => {
  it('secrets are made once, 32 bytes each key, for their owner only', () => {
    const secrets = loadSecrets(folder);
    expect(Buffer.from(secrets['encryption-key'], 'base64')).toHaveLength(32);
    expect(Buffer.from(secrets['segment-key'], 'base64')).toHaveLength(32);
    expect(loadSecrets(folder)).toEqual(secrets);
    expect(statSync(join(folder, 'secrets.json')).mode & 0o777).toBe(0o600);
  });

  it('ports are remembered, and chosen again when they are taken', async () => {
    const first = await choosePorts(folder, ['kafka', 'redis'], {});
    expect(await choosePorts(folder, ['kafka', 'redis'], {})).toEqual(first);
    const taken = createServer().listen(first['redis'], '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const second = await choosePorts(folder, ['kafka', 'redis'], {});
    expect(second['kafka']).toBe(first['kafka']);
    expect(second['redis']).not.toBe(first['redis']);
    const asked = choosePorts(folder, ['redis'], { redis: first['redis'] ?? 0 });
    await expect(asked).rejects.toThrow(`Port ${first['redis']}, asked for redis, is in use`);
    taken.close();
  });

  it('a folder of the cache that was not filled to its end is filled again', async () => {
    const broken = cachedFolder(folder, 'thing', () => Promise.reject(new Error('cut off')));
    await expect(broken).rejects.toThrow('cut off');
    const path = await cachedFolder(folder, 'thing', async () => undefined);
    expect(statSync(path).isDirectory()).toBe(true);
  });
});

it('a SCRAM verifier lets the server check the password without holding it', () => {
  const verifier = scramVerifier('pass word', Buffer.alloc(16, 7));
  const [, iterations, salt, stored, server] =
    /^SCRAM-SHA-256\$(\d+):([^$]+)\$([^:]+):(.+)$/.exec(verifier) ?? [];
  const salted = pbkdf2Sync('pass word', Buffer.from(salt ?? '', 'base64'), Number(iterations), 32, 'sha256');
  const clientKey = createHmac('sha256', salted).update('Client Key').digest();
  expect(createHash('sha256').update(clientKey).digest('base64')).toBe(stored);
  expect(createHmac('sha256', salted).update('Server Key').digest('base64')).toBe(server);
});

it('settings that cannot be used are all named at once', () => {
  const environment = { ODOMETER_PORT: 'many', WORKERS: '0', ODOMETER_POSTGRES_PORTS: '1,2' };
  expect(() => twinSettings(environment)).toThrow(/ODOMETER_PORT.*WORKERS.*ODOMETER_POSTGRES_PORTS/s);
  const settings = twinSettings({
    ODOMETER_POSTGRES_PORTS: '5001,5002,5003,5004',
    ODOMETER_REDIS_PORT: '6001',
  });
  expect(settings.ports).toEqual({ redis: 6001, shard0: 5001, shard1: 5002, shard2: 5003, shard3: 5004 });
  expect(settings.apiPort).toBe(8001);
});

it('an empty value is no value', () => {
  expect(twinSettings({ ODOMETER_PORT: '' }).apiPort).toBe(8001);
});
