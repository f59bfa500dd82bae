/** Names of folders with any characters: no settings file and no command line holds them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { refuseFolders } from '../../localstack/servers/folders.ts';
import { kafkaProperties } from '../../localstack/servers/kafka-settings.ts';
import { forgetForeignPid } from '../../localstack/servers/postgres.ts';
import { twinSettings } from '../../localstack/settings.ts';

const odd = "/srv/é 计, #?%41=!*;&('/data";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'odometer-folders-'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

it('what a shell or a settings file would mistake is refused where it would come to one', () => {
  const folders = { dataDir: odd, cacheDir: odd, programs: odd };
  expect(() => refuseFolders(folders)).not.toThrow();
  expect(() => refuseFolders({ ...folders, dataDir: '/a\\u0041:"$HOME`' })).not.toThrow();
  for (const character of ['\n', '\r', '\t', '\u007f', '\ufffd', 'é'.repeat(400)]) {
    expect(() => refuseFolders({ ...folders, dataDir: `/a${character}` })).toThrow('ODOMETER_DATA_DIR');
  }
  expect(() => refuseFolders({ ...folders, cacheDir: '/a:b' })).toThrow('ODOMETER_CACHE_DIR');
  for (const character of ['"', '$', '`', '\\']) {
    expect(() => refuseFolders({ ...folders, programs: `/a${character}` })).toThrow(
      'The folder of this clone',
    );
  }
});

it('everything that is wrong is said at once, in words that fit one line', () => {
  const folders = { dataDir: '/a\nb', cacheDir: '/c:d', programs: '/$e' };
  expect(() => refuseFolders(folders)).toThrow(/ODOMETER_DATA_DIR.*ODOMETER_CACHE_DIR.*The folder/);
});

it('a name that is not UTF-8 is still seen in the settings', () => {
  // Node reads the variable with a replacement character.
  const { dataDir } = twinSettings({ ODOMETER_DATA_DIR: Buffer.from('/a\xe9', 'latin1').toString() });
  expect(() => refuseFolders({ dataDir, cacheDir: '/c', programs: '/p' })).toThrow('not UTF-8');
});

it('a path that Java or Kafka would read as another is not written into server.properties', () => {
  const node = { id: 1, brokerPort: 1, controllerPort: 2 };
  for (const path of ['/srv/é', '/a,b', '/a\\b', '/a\nb', '/a b']) {
    expect(() => kafkaProperties(node, [node], path)).toThrow('server.properties');
  }
});

const clusterName = 'odometer-1234-shard0';

/** A process that looks like the server of a cluster. */
async function serverOf(cluster: string, data: string): Promise<ChildProcess> {
  const args = ['-e', 'setInterval(() => {}, 1000)', '--', '-D', data, '-c', `cluster_name=${cluster}`];
  const child = spawn(process.execPath, args, { stdio: 'ignore' });
  await once(child, 'spawn');
  return child;
}

it.each(['C', 'C.UTF-8', 'xx_XX.none'])(
  'U3: in the locale %s a living server keeps its postmaster.pid, and that of a stranger goes',
  async (locale) => {
    vi.stubEnv('LC_ALL', locale);
    const data = join(folder, 'é');
    mkdirSync(data);
    const pidFile = join(data, 'postmaster.pid');
    for (const [cluster, stays] of [
      [clusterName, true],
      ['odometer-1234-shard1', false],
    ] as const) {
      const server = await serverOf(cluster, data);
      writeFileSync(pidFile, `${server.pid}\n/proc/self/cwd\n`);
      await forgetForeignPid(data, clusterName);
      expect(existsSync(pidFile)).toBe(stays);
      server.kill('SIGKILL');
      await once(server, 'exit');
    }
  },
);
