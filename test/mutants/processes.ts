/** Programs that run in a copy, each as the head of its own process group, so that none outlives this process. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stopLeftovers } from '../../localstack/processes/state-file.ts';

export interface Ended {
  /** null: it was ended, because it took too long or we were interrupted. */
  readonly code: number | null;
  readonly output: string;
}

export interface Program {
  readonly cwd: string;
  readonly args: readonly string[];
  readonly timeoutMs: number;
}

/** One folder for copies, reports and whatever the tests make; `close` leaves nothing of it. */
export class Workshop {
  readonly path = mkdtempSync(join(tmpdir(), 'mutants-'));
  readonly #temporary = join(this.path, 't');
  readonly #running = new Set<number>();
  #closed = false;

  constructor() {
    mkdirSync(this.#temporary);
  }

  /** Runs a script of node to its end; once the workshop is closed, nothing begins and nothing ends. */
  run({ cwd, args, timeoutMs }: Program): Promise<Ended> {
    if (this.#closed) return new Promise(() => undefined);
    const env = { ...process.env, CI: 'true', NO_COLOR: '1', TMPDIR: this.#temporary };
    const child = spawn(process.execPath, args, {
      cwd,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const { pid } = child;
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    if (pid !== undefined) this.#running.add(pid);
    const timer = setTimeout(() => killGroup(pid), timeoutMs);
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => {
        clearTimeout(timer);
        if (pid !== undefined) this.#running.delete(pid);
        resolve({ code, output });
      });
    });
  }

  /** Ends what runs, and the servers that tests have started, then deletes the folder. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const pid of this.#running) killGroup(pid);
    // Servers head groups of their own; the tests keep a list of them in their folder.
    for (const name of readdirSync(this.#temporary)) {
      if (name.startsWith('odometer-test-')) await stopLeftovers(join(this.#temporary, name));
    }
    rmSync(this.path, { recursive: true, force: true, maxRetries: 5 });
  }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
