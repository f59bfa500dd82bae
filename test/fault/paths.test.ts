/** Folders with any characters in their names, and a process environment that knows ASCII only. */
import { cpSync, existsSync, mkdirSync, readdirSync, realpathSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { repositoryDir } from '../../localstack/settings.ts';
import { makeTestFolder, removeTestFolder } from '../harness/servers/servers.ts';
import { countedEvents } from '../harness/twin/count.ts';
import { endOf, launchTwin, startTwin, type Twin } from '../harness/twin/twin.ts';

/** What ends a setting, a list, an address or a name somewhere. */
const oddClone = "é 计, '#?%41:=!*;&(";
/** The same, and what quotes or escapes. */
const oddData = `${oddClone} \\u0041 \\" $HOME\``;
const sources = ['client', 'functions', 'localstack', 'migrations', 'odometer.ts', 'package.json', 'shared'];

let folder: string;
afterEach(() => removeTestFolder(folder));

/** A clone in `into`; its packages are linked, because copying them would take minutes. */
function cloneInto(into: string): string {
  mkdirSync(into, { recursive: true });
  for (const name of sources) cpSync(join(repositoryDir, name), join(into, name), { recursive: true });
  symlinkSync(join(repositoryDir, 'node_modules'), join(into, 'node_modules'));
  return join(into, 'odometer.ts');
}

async function send(twin: Twin, key: string): Promise<number> {
  const response = await fetch(`${twin.endpoints().api}/api/v1/usage/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: `{"organization_id":"o","metric_name":"m","quantity":1,"idempotency_key":"${key}"}`,
  });
  return response.status;
}

it('a twin runs in any folder and in any locale, and everything of it is in its data directory', async () => {
  folder = makeTestFolder();
  const odometer = cloneInto(join(folder, oddClone));
  const dataDir = join(folder, oddData, 'data');
  for (const [round, locale] of ['C', 'C.UTF-8'].entries()) {
    const twin = await startTwin({
      dataDir,
      environment: { LC_ALL: locale },
      command: [process.execPath, odometer, 'start'],
    });
    try {
      expect(await send(twin, `key-${round}`)).toBe(202);
      await expect.poll(() => countedEvents(twin), { timeout: 20_000 }).toBe(round + 1);
    } finally {
      await twin.stop(true);
    }
  }
  expect(readdirSync(folder).sort()).toEqual([oddClone, oddData]);
  expect(readdirSync(join(folder, oddData))).toEqual(['data']);
  expect(existsSync(join(dataDir, 'kafka', 'node1', 'data', 'meta.properties'))).toBe(true);
  expect(realpathSync(join(dataDir, 'postgres'))).toBe(join(dataDir, 'postgres'));
});

it.each([
  ['a folder for data whose name ends a line', { ODOMETER_DATA_DIR: 'a\nb/data' }, 'ODOMETER_DATA_DIR'],
  ['a folder for data whose name is not UTF-8', { ODOMETER_DATA_DIR: 'a\ufffdb/data' }, 'ODOMETER_DATA_DIR'],
  ['a folder for downloads with a colon', { ODOMETER_CACHE_DIR: 'a:b/cache' }, 'ODOMETER_CACHE_DIR'],
])('%s is refused in one sentence before anything is written', async (_what, names, setting) => {
  folder = makeTestFolder();
  const given = Object.entries(names).map(([name, value]) => [name, join(folder, value)]);
  const environment = { ODOMETER_DATA_DIR: join(folder, 'data'), ...Object.fromEntries(given) };
  const twin = await launchTwin({ environment });
  expect(await endOf(twin.child)).toBe(1);
  expect(twin.output().trim().split('\n')).toEqual([expect.stringContaining(setting)]);
  expect(readdirSync(folder)).toEqual([]);
  removeTestFolder(twin.dataDir);
});
