/**
 * What a piece of work leaves behind: handles that keep this process alive (sockets, servers, pipes, watchers,
 * workers, timers), child processes and temporary folders.
 *
 * It does not see: handles that nothing waits for (`unref`, such as the idle connections of `fetch` and of undici),
 * what children start or write themselves, and files that are in no folder of `mkdtemp`.
 */
import type { ChildProcess } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import { OpenHandles } from './open-handles.ts';

/** What is being closed is given this long to be gone. */
const settleMs = 3000;
/** A timer ends by itself while others close, so one of our own code is judged after this short time. */
const timerSettleMs = 200;
const pollMs = 20;

export class LeakRecord {
  readonly #children = new Set<ChildProcess>();
  readonly #folders = new Set<string>();
  readonly #handles = new OpenHandles();
  readonly #restoreFolders: () => void;
  readonly #onChild = (message: unknown): void => {
    // The documented message of this channel.
    this.#children.add((message as { readonly process: ChildProcess }).process);
  };

  /** Begins: what is open now belongs to others. */
  constructor() {
    subscribe('child_process', this.#onChild);
    this.#restoreFolders = recordFolders(this.#folders);
  }

  /** Ends the record; a sentence for each thing that is left, after a moment to close. */
  async end(options: { readonly waitMs?: number } = {}): Promise<readonly string[]> {
    const startMs = performance.now();
    const endMs = startMs + (options.waitMs ?? settleMs);
    let timers: readonly string[] | null = null;
    let left = this.#left();
    while (left.length > 0 && performance.now() < endMs) {
      await delay(pollMs);
      if (performance.now() > startMs + timerSettleMs) timers ??= this.#handles.describeOwnTimers();
      left = this.#left();
    }
    unsubscribe('child_process', this.#onChild);
    this.#restoreFolders();
    this.#handles.end();
    return [...new Set([...(timers ?? []), ...left])];
  }

  #left(): readonly string[] {
    const running = [...this.#children].filter(
      ({ exitCode, signalCode }) => (exitCode ?? signalCode) === null,
    );
    const folders = [...this.#folders].filter((folder) => fs.existsSync(folder));
    return [
      ...this.#handles.describe(),
      ...running.map(({ pid, spawnargs }) => `process ${pid} runs: ${spawnargs.join(' ').slice(0, 200)}`),
      ...folders.map((folder) => `the folder ${folder} is left`),
    ];
  }
}

/** Notes each folder that `mkdtemp` makes, however it is imported; the answer puts the functions back. */
function recordFolders(folders: Set<string>): () => void {
  const { mkdtempSync } = fs;
  const { mkdtemp } = fs.promises;
  const note = <T extends string | Buffer>(folder: T): T => {
    folders.add(String(folder));
    return folder;
  };
  const sync = (...values: Parameters<typeof mkdtempSync>) => note(mkdtempSync(...values));
  const later = async (...values: Parameters<typeof mkdtemp>) => note(await mkdtemp(...values));
  Object.assign(fs, { mkdtempSync: sync });
  Object.assign(fs.promises, { mkdtemp: later });
  syncBuiltinESMExports();
  return () => {
    Object.assign(fs, { mkdtempSync });
    Object.assign(fs.promises, { mkdtemp });
    syncBuiltinESMExports();
  };
}
