import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readJson, writeJsonAtomically } from './atomic-file.ts';
import { identify, type ProcessIdentity, signalExactly, stillRuns } from './identity.ts';
import type { ProcessWatcher } from './kept-process.ts';
import { UserError } from './user-error.ts';

const identitySchema = z.object({ pid: z.number().int().positive(), startedAt: z.string() });
const stateSchema = z.object({ supervisor: identitySchema, children: z.record(z.string(), identitySchema) });

/** Who runs on a data directory: the supervisor and every child it has started and not seen end. */
export type RecordedState = z.infer<typeof stateSchema>;

const stopAllMs = 20_000;
const pollMs = 50;

/** The state recorded below a data directory, or undefined when nothing is recorded. */
export function readState(dataDir: string): RecordedState | undefined {
  const stored = readJson(stateFileOf(dataDir));
  return stored === undefined ? undefined : stateSchema.parse(stored);
}

/** The supervisor that runs on this data directory, if one does. */
export function runningSupervisor(dataDir: string): ProcessIdentity | undefined {
  const supervisor = readState(dataDir)?.supervisor;
  return supervisor !== undefined && stillRuns(supervisor) ? supervisor : undefined;
}

/**
 * Records children the moment they are started. The write is synchronous and follows the spawn in the same
 * turn, so a supervisor that is killed leaves a child unrecorded only if it dies within that turn.
 */
export class StateFile {
  readonly #children: Map<string, ProcessIdentity>;
  readonly #dataDir: string;

  private constructor(dataDir: string, children: RecordedState['children']) {
    this.#dataDir = dataDir;
    this.#children = new Map(Object.entries(children));
    this.#write();
  }

  /**
   * Makes this process the supervisor of the data directory, or says which one is. What a predecessor left is
   * taken over at once, so that it stays recorded, and then stopped.
   */
  static async claim(dataDir: string, log: (line: string) => void): Promise<StateFile> {
    makeDataDir(dataDir);
    const state = readState(dataDir);
    if (state !== undefined && state.supervisor.pid !== process.pid && stillRuns(state.supervisor)) {
      throw new UserError(
        `Process ${state.supervisor.pid} already runs on ${dataDir}: stop it with npm stop, or give this one ` +
          'another folder with ODOMETER_DATA_DIR.',
      );
    }
    const file = new StateFile(dataDir, state?.children ?? {});
    const stopped = await stopChildren(state?.children ?? {});
    if (stopped.length > 0) log(`stopped what an earlier supervisor left: ${stopped.join(', ')}`);
    file.#children.clear();
    file.#write();
    return file;
  }

  /** Records what happens to processes before the other watcher is called. */
  watch(other: Partial<ProcessWatcher> = {}): ProcessWatcher {
    return {
      started: (name, pid) => {
        this.#children.set(name, identify(pid));
        this.#write();
        other.started?.(name, pid);
      },
      ready: (name, pid) => other.ready?.(name, pid),
      ended: (name, how) => {
        if (this.#children.delete(name)) this.#write();
        other.ended?.(name, how);
      },
    };
  }

  /** Forgets everything; for the end of a clean stop. */
  remove(): void {
    removeState(this.#dataDir);
  }

  #write(): void {
    const state = { supervisor: identify(process.pid), children: Object.fromEntries(this.#children) };
    writeJsonAtomically(stateFileOf(this.#dataDir), state);
  }
}

function makeDataDir(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new UserError(`${dataDir} cannot be made: name another folder with ODOMETER_DATA_DIR.`, { cause });
  }
}

/** Stops what a dead supervisor left behind and forgets it. Returns the names of what still ran. */
export async function stopLeftovers(dataDir: string): Promise<readonly string[]> {
  const stopped = await stopChildren(readState(dataDir)?.children ?? {});
  removeState(dataDir);
  return stopped;
}

/**
 * Stops recorded processes, the last started first. Postgres is asked by SIGINT, which closes sessions without
 * waiting for their clients.
 */
async function stopChildren(children: RecordedState['children']): Promise<readonly string[]> {
  const left = Object.entries(children).filter(([, child]) => stillRuns(child));
  const processes = left.map(([, child]) => child);
  for (const [name, child] of left.toReversed()) {
    signalExactly(child, name.startsWith('shard') ? 'SIGINT' : 'SIGTERM');
  }
  if (await waitUntilGone(processes, stopAllMs)) return left.map(([name]) => name);
  for (const child of processes) signalExactly(child, 'SIGKILL');
  await waitUntilGone(processes, stopAllMs);
  return left.map(([name]) => name);
}

/** Kills every recorded process at once, for a user who asks a second time. */
export function killRecorded(dataDir: string): void {
  for (const child of Object.values(readState(dataDir)?.children ?? {})) signalExactly(child, 'SIGKILL');
  removeState(dataDir);
}

/** Waits until none of the processes runs; false when the time is over first. */
export async function waitUntilGone(
  processes: readonly ProcessIdentity[],
  timeoutMs: number,
): Promise<boolean> {
  const end = performance.now() + timeoutMs;
  while (processes.some(stillRuns)) {
    if (performance.now() > end) return false;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  return true;
}

function removeState(dataDir: string): void {
  rmSync(stateFileOf(dataDir), { force: true });
}

function stateFileOf(dataDir: string): string {
  return join(dataDir, 'state.json');
}
