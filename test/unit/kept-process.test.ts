import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { KeptProcess, type ProcessSpec } from '../../localstack/processes/kept-process.ts';
import { openLog } from '../../localstack/processes/log-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'odometer-unit-'));
const logFile = join(folder, 'logs', 'child.log');

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function specOf(script: string, overrides: Partial<ProcessSpec> = {}): ProcessSpec {
  return {
    name: 'child',
    logFile,
    spawn: () => {
      const log = openLog(logFile);
      return spawn(process.execPath, ['-e', script], { stdio: ['ignore', log, log] });
    },
    probe: () => Promise.resolve(),
    readyMs: 5_000,
    stopSignal: 'SIGTERM',
    stopMs: 300,
    ...overrides,
  };
}

const waits = 'setTimeout(() => undefined, 60_000)';

function watched(): {
  readonly seen: string[];
  readonly watcher: ConstructorParameters<typeof KeptProcess>[1];
} {
  const seen: string[] = [];
  return {
    seen,
    watcher: {
      started: () => seen.push('started'),
      ready: () => seen.push('ready'),
      ended: (_, how) => seen.push(how),
    },
  };
}

it('a process that is killed is started again, and is reported in order', async () => {
  const { seen, watcher } = watched();
  const child = new KeptProcess(specOf(waits), watcher);
  await child.start();
  const before = child.pid;
  await child.restart('SIGKILL');
  expect(child.pid).not.toBe(before);
  await child.stop();
  expect(seen).toEqual(['started', 'ready', 'SIGKILL', 'started', 'ready', 'SIGTERM']);
  expect(child.pid).toBeUndefined();
});

it('a process that never gets ready fails with the end of its log', async () => {
  const script = 'process.stdout.write("the address is taken"); process.exit(3)';
  const probe = (): Promise<void> => Promise.reject(new Error('not ready'));
  const child = new KeptProcess(specOf(script, { probe }), watched().watcher);
  await expect(child.start()).rejects.toThrow(/child does not start.*the address is taken/s);
});

it('a process that ignores the stop signal is killed', async () => {
  const { seen, watcher } = watched();
  let announced = false;
  const script = `process.on('SIGTERM', () => undefined); process.stdout.write('up'); ${waits}`;
  const spec = specOf(script);
  const child = new KeptProcess(
    {
      ...spec,
      spawn: () => {
        const one = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
        one.stdout.once('data', () => {
          announced = true;
        });
        return one;
      },
      probe: async () => {
        if (!announced) throw new Error('not up yet');
      },
    },
    watcher,
  );
  await child.start();
  await child.stop();
  expect(seen.at(-1)).toBe('SIGKILL');
});

it('a stop before the process is ready ends the start', async () => {
  const probe = (): Promise<void> => Promise.reject(new Error('not ready'));
  const child = new KeptProcess(specOf(waits, { probe }), watched().watcher);
  const starting = child.start();
  const outcome = expect(starting).rejects.toThrow('child was stopped before it was ready');
  await new Promise((resolve) => setTimeout(resolve, 100));
  await child.stop();
  await outcome;
});
