/** Programs around the pipeline that a developer's machine need not have. */
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { twinSettings } from '../settings.ts';
import { cachedFolder } from './cache.ts';
import { onPath, runCommand } from './command.ts';

/** The packages that hold a program and what it needs beyond a bare system, and where it is then. */
const packages = {
  ab: { debs: ['apache2-utils', 'libapr1', 'libaprutil1'], path: 'usr/bin/ab' },
  chromium: { debs: ['chromium'], path: 'usr/lib/chromium/chromium', needsAll: true },
  nginx: { debs: ['nginx'], path: 'usr/sbin/nginx' },
  prometheus: { debs: ['prometheus'], path: 'usr/bin/prometheus' },
  promtool: { debs: ['prometheus'], path: 'usr/bin/promtool' },
  'redis-server': {
    debs: ['redis-server', 'redis-tools', 'liblzf1', 'libjemalloc2'],
    path: 'usr/bin/redis-server',
  },
} as const;

/**
 * The program of the PATH, else of the Debian packages, downloaded by apt (its lists are refreshed if they do not
 * know them) and unpacked into the cache: nothing is installed, and no service starts. Throws with the one command
 * that installs it where neither is there.
 */
export async function debianProgram(name: keyof typeof packages): Promise<string> {
  const found = onPath([name]);
  if (found !== undefined) return found;
  const { debs, path, ...rest } = packages[name];
  const folder = await cachedFolder(twinSettings().cacheDir, `debian-${debs[0]}`, (into) =>
    unpack(debs, into, 'needsAll' in rest),
  );
  return withLibraries(folder, path);
}

/** `needsAll`: with every package that they depend on and that this system lacks. */
async function unpack(debs: readonly string[], folder: string, needsAll: boolean): Promise<void> {
  mkdirSync(join(folder, 'partial'));
  const whole = [
    '-o',
    `Dir::Cache::archives=${folder}`,
    '-o',
    'Debug::NoLocking=1',
    '--no-install-recommends',
  ];
  const download = needsAll ? [...whole, '--yes', '--download-only', 'install'] : ['download'];
  const fetched = () => runCommand('apt-get', [...download, ...debs], { cwd: folder });
  let outcome = await fetched();
  if (!outcome.ok && (await runCommand('apt-get', ['update'])).ok) outcome = await fetched();
  for (const file of readdirSync(folder).filter((entry) => outcome.ok && entry.endsWith('.deb')))
    outcome = await runCommand('dpkg-deb', ['-x', file, '.'], { cwd: folder });
  if (outcome.ok) return;
  const [deb = ''] = debs;
  const remedy = `install it (Debian: apt-get install ${deb}, macOS: brew install ${deb.replace('-server', '')})`;
  throw new Error(`${deb} is missing: ${remedy}.\n${outcome.output}`);
}

/** A script that becomes the program, with the libraries that were unpacked beside it. */
// Same type: the order of the path that they make.
function withLibraries(folder: string, path: string): string {
  const script = join(folder, `run-${basename(path)}`);
  const own = `"${folder}"/usr/lib/*-linux-gnu`;
  const libraries = `LD_LIBRARY_PATH="$(echo ${own} ${own}/pulseaudio | tr ' ' ':')"`;
  writeFileSync(script, `#!/bin/sh\n${libraries} exec "${folder}/${path}" "$@"\n`);
  chmodSync(script, 0o755);
  return script;
}
