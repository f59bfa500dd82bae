import { performance } from 'node:perf_hooks';
import { type ShardLogin, shardDatabase, shardLogins } from '../../shared/contracts/shards.ts';
import { shardCount } from '../../shared/limits.ts';
import { KeptProcess, type ProcessSpec, type ProcessWatcher } from '../processes/kept-process.ts';
import { StateFile } from '../processes/state-file.ts';
import { defaultCacheDir } from './cache.ts';
import { bootstrapServers, kafkaSpecs } from './kafka.ts';
import type { KafkaNode } from './kafka-settings.ts';
import { choosePorts, type Ports } from './ports.ts';
import { postgresSpecs, shardUrl } from './postgres.ts';
import { provisionShard } from './provision.ts';
import { redisSpec } from './redis.ts';
import { loadSecrets, passwordOf, type TwinSecrets } from './secrets.ts';

export interface ServersRequest {
  readonly dataDir: string;
  readonly log: (line: string) => void;
  /** Ports asked for by name: `kafka`, `redis`, `shard0` to `shard3`; the others are free ones. */
  readonly ports?: Ports;
  readonly brokers?: number;
  readonly cacheDir?: string;
  /** Ends a start that is under way; what runs by then is stopped. */
  readonly signal?: AbortSignal;
  /** The claim on the data directory, where the caller has made it already. */
  readonly state?: StateFile;
  /** Called at every start and end of a server, after the state file is written. */
  readonly watcher?: Partial<ProcessWatcher>;
}

/** One shard's server as its different users reach it. */
interface Shard {
  readonly port: number;
  readonly database: string;
  /** The superuser's DSN of the database `postgres`. */
  readonly superuserUrl: string;
  readonly ownerUrl: string;
  urlFor(login: ShardLogin): string;
}

/** Kafka, Redis and four Postgres, ready for use and kept running. */
export interface Servers {
  readonly kafka: string;
  readonly redis: string;
  readonly shards: readonly Shard[];
  readonly secrets: TwinSecrets;
  /** The claim on the data directory; the caller may record further processes in it. */
  readonly state: StateFile;
  /** The processes by name: `kafka` (or `kafka1`..), `redis`, `shard0` to `shard3`. */
  pids(): Readonly<Record<string, number>>;
  /** Sends a signal to one server; it is restarted on the same port with the same data if that ends it. */
  kill(name: string, signal: NodeJS.Signals): void;
  /** Ends one server by the signal and resolves when its successor is ready. */
  restart(name: string, signal?: NodeJS.Signals): Promise<void>;
  /** Stops all servers; `force` kills them, for data that nobody wants any more. */
  stop(force?: boolean): Promise<void>;
}

/** Installs what is missing, starts all servers at once, provisions the shards and resolves when all is ready. */
export async function startServers(request: ServersRequest): Promise<Servers> {
  const { dataDir, log, cacheDir = defaultCacheDir() } = request;
  const state = request.state ?? (await StateFile.claim(dataDir, log));
  const secrets = loadSecrets(dataDir);
  const brokers = request.brokers ?? 1;
  const shardNames = Array.from({ length: shardCount }, (_, shard) => `shard${shard}`);
  const ports = await choosePorts(
    dataDir,
    [...kafkaPortNames(brokers), 'redis', ...shardNames],
    request.ports ?? {},
  );
  const nodes = kafkaNodes(brokers, ports);
  const shards = shardNames.map((name, shard) => shardOf(shard, portOf(ports, name), secrets));
  const kept: KeptProcess[] = [];
  const failed = new AbortController();
  const ending = AbortSignal.any([failed.signal, ...(request.signal === undefined ? [] : [request.signal])]);
  const run = async (specs: readonly ProcessSpec[]): Promise<unknown> => {
    ending.throwIfAborted();
    return Promise.all(specs.map((spec) => startOne(spec, kept, state.watch(request.watcher), log)));
  };
  const starting = [
    kafkaSpecs({ dataDir, cacheDir, nodes, log }).then(run),
    redisSpec({
      dataDir,
      cacheDir,
      port: portOf(ports, 'redis'),
      password: secrets['redis-password'],
      log,
    }).then((spec) => run([spec])),
    startPostgres({ dataDir, shards, secrets, run }),
  ];
  const servers = serversOf(kept, state, {
    kafka: bootstrapServers(nodes),
    redis: `redis://:${secrets['redis-password']}@127.0.0.1:${portOf(ports, 'redis')}`,
    shards,
    secrets,
  });
  const stopStarted = (): void => void Promise.all(kept.map((one) => one.stop()));
  ending.addEventListener('abort', stopStarted, { once: true });
  await Promise.all(
    starting.map((part) =>
      part.catch((cause: unknown) => {
        failed.abort(cause); // The others need not become ready first: the user is to read the reason at once.
      }),
    ),
  );
  ending.removeEventListener('abort', stopStarted);
  if (!ending.aborted) return servers;
  await servers.stop();
  throw ending.reason;
}

interface PostgresStart {
  readonly dataDir: string;
  readonly shards: readonly Shard[];
  readonly secrets: TwinSecrets;
  readonly run: (specs: readonly ProcessSpec[]) => Promise<unknown>;
}

async function startPostgres({ dataDir, shards, secrets, run }: PostgresStart): Promise<void> {
  const ports = shards.map((shard) => shard.port);
  const superuserPassword = secrets['postgres-password'];
  await run(await postgresSpecs({ dataDir, ports, superuserPassword, twinId: secrets['twin-id'] }));
  const ownerPassword = passwordOf(secrets, 'owner');
  await Promise.all(
    shards.map(({ superuserUrl, database }) => provisionShard({ superuserUrl, database, ownerPassword })),
  );
}

async function startOne(
  spec: ProcessSpec,
  kept: KeptProcess[],
  watcher: ProcessWatcher,
  log: (line: string) => void,
): Promise<void> {
  const began = performance.now();
  const one = new KeptProcess(spec, watcher);
  kept.push(one);
  await one.start();
  log(`${spec.name} is ready (${((performance.now() - began) / 1000).toFixed(1)} s)`);
}

function serversOf(
  kept: readonly KeptProcess[],
  state: StateFile,
  addresses: Pick<Servers, 'kafka' | 'redis' | 'shards' | 'secrets'>,
): Servers {
  const named = (name: string): KeptProcess => {
    const found = kept.find((one) => one.name === name);
    if (found === undefined) throw new Error(`no server is called ${name}`);
    return found;
  };
  return {
    ...addresses,
    state,
    pids: () => Object.fromEntries(kept.flatMap(({ name, pid }) => (pid === undefined ? [] : [[name, pid]]))),
    kill: (name, signal) => named(name).kill(signal),
    restart: (name, signal) => named(name).restart(signal),
    stop: async (force) => {
      await Promise.all(kept.map((one) => one.stop(force)));
      state.remove();
    },
  };
}

// Same type: there are four shards, and no server has a port below 5.
function shardOf(shard: number, port: number, secrets: TwinSecrets): Shard {
  const database = shardDatabase(shard);
  const urlFor = (login: ShardLogin) =>
    shardUrl(port, shardLogins[login].role, passwordOf(secrets, login), database);
  return {
    port,
    database,
    superuserUrl: shardUrl(port, 'postgres', secrets['postgres-password'], 'postgres'),
    ownerUrl: urlFor('owner'),
    urlFor,
  };
}

function kafkaPortNames(brokers: number): readonly string[] {
  return Array.from({ length: brokers }, (_, index) => kafkaPortName(index)).flatMap((name) => [
    name,
    `${name}-controller`,
  ]);
}

/** The first broker's port is called `kafka`, so that a setting for one broker means what it says. */
function kafkaPortName(index: number): string {
  return index === 0 ? 'kafka' : `kafka${index + 1}`;
}

function kafkaNodes(brokers: number, ports: Ports): readonly KafkaNode[] {
  return Array.from({ length: brokers }, (_, index) => ({
    id: index + 1,
    brokerPort: portOf(ports, kafkaPortName(index)),
    controllerPort: portOf(ports, `${kafkaPortName(index)}-controller`),
  }));
}

function portOf(ports: Ports, name: string): number {
  const port = ports[name];
  if (port === undefined) throw new Error(`no port was chosen for ${name}`);
  return port;
}
