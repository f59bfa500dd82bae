import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import config from '../../vitest.config.ts';
import { LeakRecord } from '../harness/leaks/leak-record.ts';

/** Long enough for what only passes to have passed. */
const waitMs = 50;

it('work that closes what it opens leaves nothing behind', async () => {
  const record = new LeakRecord();
  const child = spawn(process.execPath, ['-e', '0']);
  rmdirSync(mkdtempSync(join(tmpdir(), 'odometer-leak-')));
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.close();
  await once(child, 'exit');
  expect(await record.end()).toEqual([]);
});

it('a server and both ends of a connection are found', async () => {
  const record = new LeakRecord();
  const server = createServer().listen(0, '127.0.0.1');
  const accepted = once(server, 'connection');
  await once(server, 'listening');
  // A listening TCP server has an AddressInfo; only pipes have a string.
  const { port } = server.address() as AddressInfo;
  const client = connect(port, '127.0.0.1');
  await accepted;
  const left = await record.end({ waitMs });
  expect(left).toHaveLength(3);
  expect(left[0]).toMatch(/^a server is open/);
  expect(left[1]).toMatch(/a socket is open, opened .*leak-record\.test\.ts/);
  expect(left[2]).toBe('a socket is open, opened by Node itself');
  client.destroy();
  server.close();
});

it('a timer that has fired or was cleared is not found', async () => {
  const record = new LeakRecord();
  clearTimeout(setTimeout(() => undefined, 60_000));
  await new Promise((resolve) => setTimeout(resolve, 1));
  expect(await record.end({ waitMs })).toEqual([]);
});

it('a timer is found', async () => {
  const record = new LeakRecord();
  const timer = setTimeout(() => undefined, 60_000);
  expect(await record.end({ waitMs })).toEqual([
    expect.stringMatching(/^a timer is open, opened .*leak-record\.test\.ts/),
  ]);
  clearTimeout(timer);
});

it('a timer is found although it fires while something else closes', async () => {
  const record = new LeakRecord();
  setTimeout(() => undefined, 500);
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 1000)'], { stdio: 'ignore' });
  expect(await record.end()).toEqual([
    expect.stringMatching(/^a timer is open, opened .*leak-record\.test\.ts/),
  ]);
  expect(child.exitCode).toBe(0);
});

it('a child process is found by its command', async () => {
  const record = new LeakRecord();
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)'], { stdio: 'ignore' });
  const left = await record.end({ waitMs });
  expect(left).toContainEqual(expect.stringMatching(`process ${child.pid} runs: .*setTimeout`));
  child.kill('SIGKILL');
  await once(child, 'exit');
});

it('a folder is found, whichever function made it', async () => {
  const record = new LeakRecord();
  const prefix = join(tmpdir(), 'odometer-leak-');
  const folders = [mkdtempSync(prefix), await mkdtemp(prefix)];
  expect(await record.end({ waitMs })).toEqual(folders.map((folder) => `the folder ${folder} is left`));
  for (const folder of folders) rmdirSync(folder);
});

it('every project looks for leaks', () => {
  const projects = config.test?.projects ?? [];
  expect(projects).toHaveLength(7);
  const check = { test: { setupFiles: ['test/harness/leaks/check-leaks.ts'] } };
  expect(projects).toMatchObject(projects.map(() => check));
});
