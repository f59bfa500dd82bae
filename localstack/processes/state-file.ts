import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readJson, writeJsonAtomically } from './atomic-file.ts';
import { identify, type ProcessIdentity, signalExactly, stillRuns } from './identity.ts';

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
  private readonly children = new Map<string, ProcessIdentity>();
  private readonly dataDir: string;

  constructor(dataDir: string) {
    this.dataDir = dataDir;
    this.write();
  }

  started(name: string, pid: number): void {
    this.children.set(name, identify(pid));
    this.write();
  }

  ended(name: string): void {
    if (this.children.delete(name)) this.write();
  }

  /** Forgets everything; for the end of a clean stop. */
  remove(): void {
    rmSync(stateFileOf(this.dataDir), { force: true });
  }

  private write(): void {
    const state = { supervisor: identify(process.pid), children: Object.fromEntries(this.children) };
    writeJsonAtomically(stateFileOf(this.dataDir), state);
  }
}

/**
 * Stops what a dead supervisor left behind, in the reverse order of its start, and forgets it. Returns the
 * names of what still ran. Postgres is asked by SIGINT, which closes sessions without waiting for clients.
 */
export async function stopLeftovers(dataDir: string): Promise<readonly string[]> {
  const state = readState(dataDir);
  if (state === undefined) return [];
  const left = Object.entries(state.children).filter(([, child]) => stillRuns(child));
  for (const [name, child] of left.toReversed()) {
    signalExactly(child, name.startsWith('shard') ? 'SIGINT' : 'SIGTERM');
  }
  const gone = await waitUntilGone(
    left.map(([, child]) => child),
    stopAllMs,
  );
  if (!gone) for (const [, child] of left) signalExactly(child, 'SIGKILL');
  await waitUntilGone(
    left.map(([, child]) => child),
    stopAllMs,
  );
  rmSync(stateFileOf(dataDir), { force: true });
  return left.map(([name]) => name);
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

function stateFileOf(dataDir: string): string {
  return join(dataDir, 'state.json');
}
