/** The processes of ours in the twin: `api` on every core behind one port, one `consumer`, one `flusher`. */
import { type ChildProcess, spawn } from 'node:child_process';
import cluster from 'node:cluster';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  ENV_API_KEY_HASH_SECRET,
  ENV_ENCRYPTION_KEY,
  ENV_JWT_AUDIENCE,
  ENV_JWT_ISSUER,
  ENV_JWT_JWKS_URL,
  ENV_JWT_SECRET,
  ENV_JWT_SECRET_PREVIOUS,
  ENV_KAFKA_BOOTSTRAP_SERVERS,
  ENV_KAFKA_TOPIC,
  ENV_PORT,
  ENV_RECEIPT_KEY,
  ENV_REDIS_URL,
  ENV_SECRETS_FILE,
  ENV_SEGMENT_KEY,
} from '../shared/contracts/env.ts';
import { type ShardLogin, shardLogins } from '../shared/contracts/shards.ts';
import { usageTopic } from '../shared/contracts/topic.ts';
import type { Environment } from '../shared/runtime/config.ts';
import { processEnvironment } from '../shared/runtime/process/environment.ts';
import type { ProcessSpec } from './processes/kept-process.ts';
import { openLog } from './processes/log-file.ts';
import { secretsFileOf } from './servers/secrets.ts';
import type { Servers } from './servers/start-servers.ts';
import type { TwinSettings } from './settings.ts';
import { localAudience, localIssuer } from './token-issuer.ts';

const readyMs = 60_000;
const stopMs = 15_000;
/** A process without a port counts as ready when it has run for this long. */
const settledMs = 1_000;
const runtimeDir = join(import.meta.dirname, 'runtime');
/** As an address: Node would take a `#` or `%` of a path for the address's own. */
const ignoreInterrupt = new URL('./processes/ignore-interrupt.ts', import.meta.url).href;

/** Describes the `api` workers, which share one port through this process. */
export function apiSpecs(settings: TwinSettings, servers: Servers): readonly ProcessSpec[] {
  const environment = {
    ...environmentOf(settings, servers),
    [ENV_PORT]: String(settings.apiPort),
    ...shardUrls(servers, 'reader'),
    ...shardUrls(servers, 'authorizer'),
    ...shardUrls(servers, 'keys'),
    [ENV_API_KEY_HASH_SECRET]: 'secret:api-key-hash-secret',
    [ENV_ENCRYPTION_KEY]: 'secret:encryption-key',
    [ENV_RECEIPT_KEY]: 'secret:receipt-key',
    ...issuerOf(processEnvironment()),
  };
  return Array.from({ length: settings.workers }, (_, index) =>
    apiSpec(`api${index + 1}`, environment, settings.dataDir),
  );
}

/** Describes `consumer` and `flusher`. */
export function backgroundSpecs(settings: TwinSettings, servers: Servers): readonly ProcessSpec[] {
  const environment = environmentOf(settings, servers);
  const segmentKey = { [ENV_SEGMENT_KEY]: 'secret:segment-key' };
  const writer = shardUrls(servers, 'writer');
  // The process of the schedules also compares the shards' keys.
  const keys = { ...shardUrls(servers, 'keys'), [ENV_API_KEY_HASH_SECRET]: 'secret:api-key-hash-secret' };
  return [
    backgroundSpec('consumer', { ...environment, ...segmentKey }, settings.dataDir),
    backgroundSpec('flusher', { ...environment, ...segmentKey, ...writer, ...keys }, settings.dataDir),
  ];
}

/** Whose tokens the API takes: this twin's own, unless the environment names another issuer's keys. */
function issuerOf(environment: Environment): Environment {
  if (environment[ENV_JWT_SECRET] || environment[ENV_JWT_JWKS_URL]) return {};
  return {
    [ENV_JWT_SECRET]: 'secret:jwt-secret',
    [ENV_JWT_SECRET_PREVIOUS]: 'secret:jwt-secret-previous',
    [ENV_JWT_ISSUER]: localIssuer,
    [ENV_JWT_AUDIENCE]: localAudience,
  };
}

// Same type: a process is named by a plain word, a folder by an absolute path.
function apiSpec(name: string, environment: Environment, dataDir: string): ProcessSpec {
  const logFile = join(dataDir, 'logs', `${name}.log`);
  let listening = false;
  return {
    name,
    logFile,
    spawn: () => {
      listening = false;
      const log = openLog(logFile);
      cluster.setupPrimary({
        exec: join(runtimeDir, 'api.ts'),
        execArgv: ['--import', ignoreInterrupt],
        stdio: ['ignore', log, log, 'ipc'],
      });
      const worker = cluster.fork(environment);
      worker.once('listening', () => {
        listening = true;
      });
      return worker.process;
    },
    probe: async () => {
      if (!listening) throw new Error('not listening yet');
    },
    readyMs,
    stopSignal: 'SIGTERM',
    stopMs,
  };
}

// Same type: as for `apiSpec`.
function backgroundSpec(name: string, environment: Environment, dataDir: string): ProcessSpec {
  const logFile = join(dataDir, 'logs', `${name}.log`);
  return {
    name,
    logFile,
    spawn: () => spawnNode(join(runtimeDir, `${name}.ts`), environment, logFile),
    probe: async () => {
      await delay(settledMs);
    },
    readyMs,
    stopSignal: 'SIGTERM',
    stopMs,
  };
}

// Same type: Node cannot run a log.
function spawnNode(file: string, environment: Environment, logFile: string): ChildProcess {
  const log = openLog(logFile);
  return spawn(process.execPath, [file], {
    env: environment,
    stdio: ['ignore', log, log],
    detached: true,
  });
}

/** What every process gets; on top of it each gets only the logins and keys of its own work. */
function environmentOf(settings: TwinSettings, servers: Servers): Environment {
  return {
    ...processEnvironment(),
    [ENV_KAFKA_BOOTSTRAP_SERVERS]: servers.kafka,
    [ENV_KAFKA_TOPIC]: usageTopic.name,
    [ENV_REDIS_URL]: servers.redis,
    [ENV_SECRETS_FILE]: secretsFileOf(settings.dataDir),
  };
}

/** The variable of a login, with its DSNs. */
function shardUrls(servers: Servers, login: ShardLogin): Environment {
  return { [shardLogins[login].variable]: servers.shards.map((shard) => shard.urlFor(login)).join(',') };
}
