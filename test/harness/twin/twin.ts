/** A whole twin in a process of its own, for tests that kill parts of it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { identify, type ProcessIdentity, stillRuns } from '../../../localstack/processes/identity.ts';
import { readState } from '../../../localstack/processes/state-file.ts';
import { freePort } from '../../../localstack/servers/ports.ts';
import { repositoryDir } from '../../../localstack/settings.ts';
import { type Endpoints, endpointsFileOf, type Processes } from '../../../shared/contracts/endpoints.ts';
import { processEnvironment } from '../../../shared/runtime/process/environment.ts';
import { makeTestFolder, removeTestFolder } from '../servers/servers.ts';

const readyMs = 120_000;
const stopMs = 60_000;
const pollMs = 50;

export interface TwinRequest {
  /** A folder of an earlier twin whose data goes on; a new one otherwise. */
  readonly dataDir?: string;
  readonly port?: number;
  /** Variables on top of the test's own. */
  readonly environment?: Readonly<Record<string, string>>;
  /** The command instead of the supervisor itself, such as `npm start`. */
  readonly command?: readonly [string, ...string[]];
}

export interface Twin {
  readonly dataDir: string;
  readonly port: number;
  /** The process that was spawned: the supervisor, or npm. */
  readonly child: ChildProcess;
  /** Everything that it has printed so far. */
  output(): string;
  /** `endpoints.json` as it is now. */
  endpoints(): Endpoints;
  /** Sends a signal to the (first) process of a role and returns its id. */
  kill(role: keyof Processes, signal: NodeJS.Signals): number;
  /** Waits until a role runs as another process than the one given. */
  restarted(role: keyof Processes, before: number): Promise<number>;
  /** The supervisor and all its children as recorded now. */
  processes(): readonly ProcessIdentity[];
  /** Stops the twin, throws if a process of it is left, and deletes its data unless asked to keep them. */
  stop(keepData?: boolean): Promise<void>;
}

/** Starts a supervisor and waits until it is ready; throws with its output, and leaves nothing, if it ends instead. */
export async function startTwin(request: TwinRequest = {}): Promise<Twin> {
  const twin = await launchTwin(request);
  try {
    await untilReady(twin);
  } catch (error) {
    await twin.stop(request.dataDir !== undefined);
    throw error;
  }
  return twin;
}

async function untilReady(twin: Twin): Promise<void> {
  const end = performance.now() + readyMs;
  while (!twin.output().includes('Odometer is ready')) {
    if (twin.child.exitCode !== null) throw new Error(`the twin ended:\n${twin.output()}`);
    if (performance.now() > end) throw new Error(`the twin is not ready in time:\n${twin.output()}`);
    await delay(pollMs);
  }
}

/** Starts a supervisor without waiting for anything. */
export async function launchTwin(request: TwinRequest = {}): Promise<Twin> {
  const dataDir = request.dataDir ?? makeTestFolder();
  const port = request.port ?? (await freePort());
  const odometer = join(repositoryDir, 'odometer.ts');
  const [file, ...args] = request.command ?? [process.execPath, odometer, 'start'];
  const child = spawn(file, args, {
    cwd: repositoryDir,
    env: {
      ...processEnvironment(),
      ODOMETER_DATA_DIR: dataDir,
      ODOMETER_PORT: String(port),
      WORKERS: '2',
      ...request.environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    // In a group of its own, as a terminal would start it.
    detached: true,
  });
  const text = { all: '' };
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (part: string) => {
      text.all += part;
    });
  return twinOf(dataDir, port, child, () => text.all);
}

/** The end of a spawned process: its exit code, or the signal that ended it. */
export function endOf(child: ChildProcess): Promise<number | NodeJS.Signals> {
  if (child.exitCode !== null) return Promise.resolve(child.exitCode);
  if (child.signalCode !== null) return Promise.resolve(child.signalCode);
  return new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal ?? 'SIGKILL')));
}

function twinOf(dataDir: string, port: number, child: ChildProcess, output: () => string): Twin {
  const endpoints = (): Endpoints => JSON.parse(readFileSync(endpointsFileOf(dataDir), 'utf8')) as Endpoints;
  const pidOf = (role: keyof Processes): number => {
    const value = endpoints().processes[role];
    const pid = typeof value === 'number' ? value : value[0];
    if (pid === undefined) throw new Error(`no process is recorded for ${role}`);
    return pid;
  };
  const processes = (): readonly ProcessIdentity[] => {
    const state = readState(dataDir);
    return state === undefined ? [] : [state.supervisor, ...Object.values(state.children)];
  };
  return {
    dataDir,
    port,
    child,
    output,
    endpoints,
    processes,
    kill: (role, signal) => {
      const pid = pidOf(role);
      process.kill(pid, signal);
      return pid;
    },
    restarted: async (role, before) => {
      const end = performance.now() + readyMs;
      while (pidOf(role) === before) {
        if (performance.now() > end) throw new Error(`${role} is not restarted:\n${output()}`);
        await delay(pollMs);
      }
      return pidOf(role);
    },
    stop: async (keepData = false) => {
      const before = [...processes(), ...(child.pid === undefined ? [] : [identify(child.pid)])];
      child.kill('SIGTERM');
      await expectGone(before, output);
      if (!keepData) removeTestFolder(dataDir);
    },
  };
}

/** Waits until none of the processes runs, and throws naming those that still do. */
export async function expectGone(processes: readonly ProcessIdentity[], output: () => string): Promise<void> {
  const end = performance.now() + stopMs;
  while (processes.some(stillRuns)) {
    if (performance.now() > end) {
      const left = processes.filter(stillRuns).map(({ pid }) => pid);
      throw new Error(`processes are left: ${left.join(', ')}\n${output()}`);
    }
    await delay(pollMs);
  }
}
