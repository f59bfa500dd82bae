import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { readState } from '../../localstack/processes/state-file.ts';
import { repositoryDir } from '../../localstack/settings.ts';
import type { Processes } from '../../shared/contracts/endpoints.ts';
import { processEnvironment } from '../../shared/runtime/process/environment.ts';
import { endOf, expectGone, launchTwin, startTwin, type Twin } from '../harness/twin/twin.ts';

const twins: Twin[] = [];

async function started(...args: Parameters<typeof startTwin>): Promise<Twin> {
  const twin = await startTwin(...args);
  twins.push(twin);
  return twin;
}

afterEach(async () => {
  await Promise.all(twins.splice(0).map((twin) => twin.stop()));
});

async function answers(twin: Twin): Promise<number> {
  return (await fetch(`${twin.endpoints().api}/ready`)).status;
}

it('every process that is killed runs again on its port and endpoints.json follows', async () => {
  const twin = await started();
  const { kafka, redis, shards } = twin.endpoints();
  const roles: ReadonlyArray<keyof Processes> = [
    'kafka',
    'redis',
    'shard0',
    'shard3',
    'api',
    'consumer',
    'flusher',
  ];
  await Promise.all(
    roles.map(async (role) => {
      const before = twin.kill(role, 'SIGKILL');
      expect(await twin.restarted(role, before)).not.toBe(before);
    }),
  );
  expect(twin.endpoints()).toMatchObject({ kafka, redis, shards });
  await expect.poll(() => answers(twin), { timeout: 30_000 }).toBe(200);
});

it('two twins run side by side, and a second start on the data of one is refused with its process', async () => {
  const [one, other] = await Promise.all([started(), started()]);
  expect(await answers(one)).toBe(200);
  expect(await answers(other)).toBe(200);
  const second = await launchTwin({ dataDir: one.dataDir });
  expect(await endOf(second.child)).toBe(1);
  expect(second.output()).toContain(`Process ${one.child.pid} already runs on ${one.dataDir}`);
  expect(await answers(one)).toBe(200);
});

it('a port that is in use is named, with the remedy, and nothing stays behind', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => holder.once('listening', resolve));
  const address = holder.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const twin = await launchTwin({ port });
  expect(await endOf(twin.child)).toBe(1);
  expect(twin.output()).toContain(`Port ${port} is in use: free it, or choose another with ODOMETER_PORT.`);
  expect(readState(twin.dataDir)).toBeUndefined();
  holder.close();
  await twin.stop();
});

it('SIGTERM to npm alone leaves no process, and the next start finds ports and data again', async () => {
  const npm = await started({ command: ['npm', 'start'] });
  const before = npm.processes();
  const { kafka, redis, shards } = npm.endpoints();
  expect(before).toHaveLength(11);
  npm.child.kill('SIGTERM');
  await expectGone(before, npm.output);
  const again = await started({ dataDir: npm.dataDir });
  expect(again.endpoints()).toMatchObject({ kafka, redis, shards });
});

it('SIGINT to the process group of npm, as Ctrl-C sends it, leaves no process', async () => {
  const npm = await started({ command: ['npm', 'start'] });
  const before = npm.processes();
  process.kill(-(npm.child.pid ?? 0), 'SIGINT');
  await expectGone(before, npm.output);
  expect(npm.output()).toContain('stopped; the data stays');
});

it('npm stop stops what a killed supervisor left, and the next start does the same', async () => {
  const twin = await started();
  const first = twin.processes();
  twin.child.kill('SIGKILL');
  await endOf(twin.child);
  const stop = spawn(process.execPath, [join(repositoryDir, 'odometer.ts'), 'stop'], {
    env: { ...processEnvironment(), ODOMETER_DATA_DIR: twin.dataDir },
  });
  expect(await endOf(stop)).toBe(0);
  await expectGone(first, twin.output);

  const second = await started({ dataDir: twin.dataDir });
  const orphans = second.processes();
  second.child.kill('SIGKILL');
  await endOf(second.child);
  const third = await started({ dataDir: twin.dataDir });
  expect(third.output()).toContain('stopped what an earlier supervisor left');
  await expectGone(orphans, third.output);
});
