/** One local twin from start to stop: servers, migrated shards, topic, our processes, `endpoints.json`. */
import { rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { type Endpoints, endpointsFileOf } from '../shared/contracts/endpoints.ts';
import { apiSpecs, backgroundSpecs } from './app-processes.ts';
import { prepareData } from './prepare-data.ts';
import { writeJsonAtomically } from './processes/atomic-file.ts';
import { KeptProcess, type ProcessWatcher } from './processes/kept-process.ts';
import { StateFile } from './processes/state-file.ts';
import { UserError } from './processes/user-error.ts';
import { refuseFolders } from './servers/folders.ts';
import { portIsFree } from './servers/ports.ts';
import { installedPrograms } from './servers/postgres-account.ts';
import { type Servers, startServers } from './servers/start-servers.ts';
import type { TwinSettings } from './settings.ts';

const readyWithinMs = 60_000;
const readyEveryMs = 100;
const requestMs = 5_000;

/** Everything of a twin that runs. */
export interface Twin {
  endpoints(): Endpoints;
  /** Stops api, consumer and flusher, in this order, then the servers. */
  stop(): Promise<void>;
}

/**
 * Starts a twin and resolves when its API says that it is ready. A start that fails, or is ended by the signal,
 * stops what it has started and rejects.
 */
export async function startTwin(
  settings: TwinSettings,
  log: (line: string) => void,
  signal: AbortSignal,
): Promise<Twin> {
  const { dataDir, cacheDir, apiPort, ports } = settings;
  refuseFolders({ dataDir, cacheDir, programs: installedPrograms() });
  const state = await StateFile.claim(dataDir, log);
  if (!(await portIsFree(apiPort))) {
    state.remove();
    throw new UserError(`Port ${apiPort} is in use: free it, or choose another with ODOMETER_PORT.`);
  }
  const pids = new Map<string, number>();
  const progress = { ready: false };
  const kept: KeptProcess[] = [];
  let servers: Servers | undefined;
  const publish = (): void => {
    if (servers === undefined) return;
    writeJsonAtomically(endpointsFileOf(dataDir), endpointsOf(settings, servers, pids));
  };
  const watcher: Partial<ProcessWatcher> = {
    ready: (name, pid) => {
      pids.set(name, pid);
      if (!progress.ready) return;
      log(`${name} runs again as process ${pid}`);
      publish();
    },
    ended: (name, how) => {
      if (progress.ready) log(`${name} ended (${how}); restarting it`);
    },
  };
  const stop = async (): Promise<void> => {
    progress.ready = false;
    await stopInOrder(kept);
    await servers?.stop();
    rmSync(endpointsFileOf(dataDir), { force: true });
    state.remove();
  };
  try {
    servers = await startServers({ dataDir, cacheDir, ports, log, state, watcher, signal });
    await prepareData({ ...servers, replicationFactor: 1 }, log);
    log('starting api, consumer and flusher');
    const specs = [...apiSpecs(settings, servers), ...backgroundSpecs(settings, servers)];
    kept.push(...specs.map((spec) => new KeptProcess(spec, state.watch(watcher))));
    signal.throwIfAborted();
    signal.addEventListener('abort', () => void stopInOrder(kept), { once: true });
    await Promise.all(kept.map((one) => one.start()));
    await apiReady(apiUrl(settings), signal);
  } catch (cause) {
    await stop();
    throw cause;
  }
  progress.ready = true;
  publish();
  const started = servers;
  return { endpoints: () => endpointsOf(settings, started, pids), stop };
}

async function stopInOrder(kept: readonly KeptProcess[]): Promise<void> {
  for (const role of ['api', 'consumer', 'flusher']) {
    await Promise.all(kept.filter(({ name }) => name.startsWith(role)).map((one) => one.stop()));
  }
}

async function apiReady(url: string, signal: AbortSignal): Promise<void> {
  const end = performance.now() + readyWithinMs;
  let last = 'no answer';
  while (performance.now() < end) {
    signal.throwIfAborted();
    try {
      const response = await fetch(`${url}/ready`, { signal: AbortSignal.timeout(requestMs) });
      if (response.status === 200) return;
      last = `${response.status} ${await response.text()}`;
    } catch (cause) {
      last = cause instanceof Error ? cause.message : String(cause);
    }
    await delay(readyEveryMs);
  }
  throw new UserError(`The API does not become ready: ${last}`);
}

function apiUrl(settings: TwinSettings): string {
  return `http://localhost:${settings.apiPort}`;
}

function endpointsOf(settings: TwinSettings, servers: Servers, pids: ReadonlyMap<string, number>): Endpoints {
  const one = (name: string): number => {
    const pid = pids.get(name);
    if (pid === undefined) throw new Error(`${name} has never been ready`);
    return pid;
  };
  const all = (prefix: string): readonly number[] =>
    [...pids].filter(([name]) => name.startsWith(prefix)).map(([, pid]) => pid);
  return {
    api: apiUrl(settings),
    kafka: servers.kafka,
    redis: servers.redis,
    shards: servers.shards.map((shard) => shard.urlFor('operator')),
    processes: {
      api: all('api'),
      consumer: one('consumer'),
      flusher: one('flusher'),
      kafka: all('kafka'),
      redis: one('redis'),
      shard0: one('shard0'),
      shard1: one('shard1'),
      shard2: one('shard2'),
      shard3: one('shard3'),
    },
  };
}
