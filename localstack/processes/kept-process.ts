/**
 * One process that is kept running.
 *
 *   starting --probe answers--> ready --exit--> waiting --delay over--> starting
 *   starting --exit, or no answer in time (then SIGKILL)--> waiting
 *   any --stop()--> stopped
 *
 * Until it has been ready once, a process that dies too often makes `start()` fail with the end of its log;
 * afterwards it is restarted for as long as the supervisor lives.
 */
import type { ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { deathsInARow, restartDelayMs } from './back-off.ts';
import { logTail } from './log-file.ts';
import { UserError } from './user-error.ts';

const probeEveryMs = 50;
const firstDeathsMax = 6;

export interface ProcessSpec {
  readonly name: string;
  readonly logFile: string;
  /** Starts the process, its output already going to the log. */
  readonly spawn: () => ChildProcess;
  /** Runs before each start, for example to clear what a killed predecessor left. */
  readonly prepare?: () => Promise<void>;
  /** One attempt to use the process; rejects while it is not ready. */
  readonly probe: () => Promise<void>;
  readonly readyMs: number;
  readonly stopSignal: NodeJS.Signals;
  readonly stopMs: number;
}

/** Called for every start and end, in the same turn. */
export interface ProcessWatcher {
  started(name: string, pid: number): void;
  ready(name: string, pid: number): void;
  // Same type: a word and a sentence, only shown.
  ended(name: string, how: string): void;
}

type Phase =
  | { readonly at: 'idle' | 'waiting' | 'stopped' }
  | { readonly at: 'starting' | 'ready'; readonly child: ChildProcess; readonly exited: Promise<string> };

/** Keeps one process running until it is stopped; see the states at the top of this file. */
export class KeptProcess {
  readonly name: string;
  readonly #spec: ProcessSpec;
  readonly #watcher: ProcessWatcher;
  #phase: Phase = { at: 'idle' };
  readonly #stopping = new AbortController();
  #readyWaiters: Array<() => void> = [];
  #loop: Promise<void> = Promise.resolve();

  constructor(spec: ProcessSpec, watcher: ProcessWatcher) {
    this.name = spec.name;
    this.#spec = spec;
    this.#watcher = watcher;
  }

  /** The id of the process, or undefined between a death and the restart. */
  get pid(): number | undefined {
    return 'child' in this.#phase ? this.#phase.child.pid : undefined;
  }

  /** Starts the process and resolves when it is ready for the first time. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#readyWaiters.push(resolve);
      const stopped = (): void => reject(new UserError(`${this.name} was stopped before it was ready.`));
      this.#loop = this.#keep().then(stopped, reject);
    });
  }

  /** Sends a signal; the process is restarted if that ends it. */
  kill(signal: NodeJS.Signals): void {
    if ('child' in this.#phase) this.#phase.child.kill(signal);
  }

  /** Ends the process by the signal and resolves when its successor is ready. */
  async restart(signal: NodeJS.Signals = this.#spec.stopSignal): Promise<void> {
    const ready = new Promise<void>((resolve) => this.#readyWaiters.push(resolve));
    this.kill(signal);
    await ready;
  }

  /** Stops for good: by the usual signal, by SIGKILL when that takes too long or when `force` is set. */
  async stop(force = false): Promise<void> {
    this.#stopping.abort();
    if ('child' in this.#phase) {
      const { child, exited } = this.#phase;
      child.kill(force ? 'SIGKILL' : this.#spec.stopSignal);
      const timer = setTimeout(() => child.kill('SIGKILL'), this.#spec.stopMs);
      await exited;
      clearTimeout(timer);
    }
    await this.#loop;
    this.#phase = { at: 'stopped' };
  }

  async #keep(): Promise<void> {
    let deaths = 0;
    let everReady = false;
    while (!this.#stopping.signal.aborted) {
      const readyMs = await this.#live();
      if (this.#stopping.signal.aborted) return;
      everReady ||= readyMs !== undefined;
      deaths = deathsInARow({ before: deaths, readyMs });
      if (!everReady && deaths >= firstDeathsMax) {
        throw new UserError(
          `${this.name} does not start. The end of ${this.#spec.logFile}:\n${logTail(this.#spec.logFile)}`,
        );
      }
      this.#phase = { at: 'waiting' };
      await delay(restartDelayMs(deaths), undefined, { signal: this.#stopping.signal }).catch(
        () => undefined,
      );
    }
  }

  /** One life, from start to end. Returns for how long the process was ready, or undefined if it never was. */
  async #live(): Promise<number | undefined> {
    await this.#spec.prepare?.();
    if (this.#stopping.signal.aborted) return undefined;
    const child = this.#spec.spawn();
    const exited = exitOf(child);
    this.#phase = { at: 'starting', child, exited };
    if (child.pid !== undefined) this.#watcher.started(this.name, child.pid);
    const alive = { yet: true };
    const ended = exited.then((how) => {
      alive.yet = false;
      this.#watcher.ended(this.name, how);
    });
    const ready = await this.#untilReady(alive);
    if (!ready || child.pid === undefined) {
      // A stop has sent its own signal; a process that hangs before it is ready is sent the one it must obey.
      if (!this.#stopping.signal.aborted) child.kill('SIGKILL');
      await ended;
      return undefined;
    }
    const readySince = performance.now();
    if (alive.yet) this.#announce(child, exited);
    await ended;
    return performance.now() - readySince;
  }

  #announce(child: ChildProcess, exited: Promise<string>): void {
    this.#phase = { at: 'ready', child, exited };
    if (child.pid !== undefined) this.#watcher.ready(this.name, child.pid);
    for (const resolve of this.#readyWaiters.splice(0)) resolve();
  }

  async #untilReady(alive: { readonly yet: boolean }): Promise<boolean> {
    const end = performance.now() + this.#spec.readyMs;
    while (alive.yet && performance.now() < end && !this.#stopping.signal.aborted) {
      const answered = await this.#spec.probe().then(
        () => true,
        () => false,
      );
      if (answered) return alive.yet;
      await delay(probeEveryMs);
    }
    return false;
  }
}

function exitOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
    child.once('error', (error) => resolve(error.message));
  });
}
