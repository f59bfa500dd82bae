/** A server of a test, started with its output kept and ended by its own process id. */
import { type SpawnOptions, spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { endOf } from '../twin/twin.ts';

const readyMs = 20_000;
const pollMs = 100;

export interface Program {
  readonly output: () => string;
  kill(signal: NodeJS.Signals): Promise<unknown>;
}

export interface ProgramOptions extends Pick<SpawnOptions, 'uid' | 'gid'> {
  readonly cwd?: string;
  /** The whole environment; by default this process's own. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** In a process group of its own, which a signal reaches as a whole. */
  readonly detached?: boolean;
}

/** Starts a program and waits until `probe` is true of what it has printed so far. */
export async function startProgram(
  file: string,
  args: readonly string[],
  probe: (output: string) => Promise<boolean>,
  options: ProgramOptions = {},
): Promise<Program> {
  const child = spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
  const kill = (signal: NodeJS.Signals): Promise<unknown> => {
    if (child.exitCode !== null) return endOf(child);
    if (options.detached && child.pid !== undefined) process.kill(-child.pid, signal);
    else child.kill(signal);
    return endOf(child);
  };
  const giveUpMs = Date.now() + readyMs;
  while (!(await probe(text).catch(() => false))) {
    if (child.exitCode !== null || Date.now() > giveUpMs) {
      await kill('SIGKILL');
      throw new Error(`${file} is not ready:\n${text}`);
    }
    await delay(pollMs);
  }
  return { output: () => text, kill };
}

/** The text with every `from` replaced, each of which must stand in it exactly once. */
export function replaceEach(text: string, replacements: Readonly<Record<string, string>>): string {
  return Object.entries(replacements).reduce((changed, [from, to]) => {
    if (changed.split(from).length !== 2) throw new Error(`${from} does not stand exactly once`);
    return changed.replace(from, to);
  }, text);
}
