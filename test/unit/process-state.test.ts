import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, it, vi } from 'vitest';
import { writeJsonAtomically } from '../../localstack/processes/atomic-file.ts';
import {
  identify,
  psStartTime,
  signalExactly,
  startTimeInStat,
  stillRuns,
} from '../../localstack/processes/identity.ts';
import { readState, StateFile, stopLeftovers } from '../../localstack/processes/state-file.ts';

let dataDir = '';
const folders: string[] = [];

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'odometer-unit-'));
  folders.push(dataDir);
});

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function sleeper(): { readonly pid: number; readonly ended: Promise<unknown> } {
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => undefined, 60_000)']);
  return { pid: child.pid ?? 0, ended: once(child, 'exit') };
}

it('a start time is read from a stat line whose program name holds spaces and parentheses', () => {
  const fields = ['S', ...Array.from({ length: 18 }, (_, index) => String(index)), '4711', 'rest'];
  expect(startTimeInStat(`12 (a (b) c) ${fields.join(' ')}`)).toBe('4711');
});

it('the start time that ps says is the same in every time zone and locale', () => {
  const said = ['UTC', 'Asia/Tokyo'].map((zone) => {
    vi.stubEnv('TZ', zone);
    return psStartTime(process.pid);
  });
  vi.unstubAllEnvs();
  expect(said[0]).toMatch(/\d\d:\d\d:\d\d/);
  expect(said[1]).toBe(said[0]);
});

it('a zombie does not run', () => {
  expect(startTimeInStat(`12 (gone) Z ${'0 '.repeat(30)}`)).toBeUndefined();
});

it('a process with the id of another start is neither alive nor signalled', async () => {
  const { pid, ended } = sleeper();
  const reused = { pid, startedAt: 'another time' };
  expect(stillRuns(reused)).toBe(false);
  expect(signalExactly(reused, 'SIGKILL')).toBe(false);
  expect(stillRuns(identify(pid))).toBe(true);
  expect(signalExactly(identify(pid), 'SIGKILL')).toBe(true);
  await ended;
});

it('the state file names supervisor and children, for its owner only', async () => {
  const state = await StateFile.claim(dataDir, () => undefined);
  const watcher = state.watch();
  watcher.started('redis', process.pid);
  expect(readState(dataDir)).toEqual({
    supervisor: identify(process.pid),
    children: { redis: identify(process.pid) },
  });
  expect(statSync(join(dataDir, 'state.json')).mode & 0o777).toBe(0o600);
  watcher.ended('redis', 'SIGKILL');
  expect(readState(dataDir)?.children).toEqual({});
  state.remove();
  expect(readState(dataDir)).toBeUndefined();
});

it('a data directory whose supervisor runs is refused with its process id', async () => {
  const { pid, ended } = sleeper();
  writeJsonAtomically(join(dataDir, 'state.json'), { supervisor: identify(pid), children: {} });
  await expect(StateFile.claim(dataDir, () => undefined)).rejects.toThrow(
    `Process ${pid} already runs on ${dataDir}`,
  );
  process.kill(pid, 'SIGKILL');
  await ended;
});

it('what a dead supervisor left is stopped, and a reused process id is spared', async () => {
  const left = sleeper();
  const stranger = sleeper();
  writeJsonAtomically(join(dataDir, 'state.json'), {
    supervisor: { pid: stranger.pid, startedAt: 'long ago' },
    children: { redis: identify(left.pid), kafka: { pid: stranger.pid, startedAt: 'long ago' } },
  });
  expect(await stopLeftovers(dataDir)).toEqual(['redis']);
  await left.ended;
  expect(stillRuns(identify(stranger.pid))).toBe(true);
  process.kill(stranger.pid, 'SIGKILL');
  await stranger.ended;
});
