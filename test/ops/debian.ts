/** Programs that stand around the pipeline and that a developer's machine need not have. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cachedFolder } from '../../localstack/servers/cache.ts';
import { onPath, runCommand } from '../../localstack/servers/command.ts';
import { twinSettings } from '../../localstack/settings.ts';

/**
 * The program of the PATH, else of the Debian package, downloaded by apt (its lists are refreshed if they do not
 * know it) and unpacked into the cache: nothing is installed, and no service starts. Throws with the one command
 * that installs it where neither is there.
 */
export async function debianProgram(name: 'nginx' | 'prometheus' | 'promtool'): Promise<string> {
  const found = onPath([name]);
  if (found !== undefined) return found;
  const deb = name === 'promtool' ? 'prometheus' : name;
  const folder = await cachedFolder(twinSettings().cacheDir, `debian-${deb}`, (into) => unpack(deb, into));
  return join(folder, 'usr', name === 'nginx' ? 'sbin' : 'bin', name);
}

async function unpack(deb: string, folder: string): Promise<void> {
  const fetched = () => runCommand('apt-get', ['download', deb], { cwd: folder });
  let download = await fetched();
  if (!download.ok && (await runCommand('apt-get', ['update'])).ok) download = await fetched();
  const file = download.ok ? readdirSync(folder).find((entry) => entry.endsWith('.deb')) : undefined;
  const unpacked =
    file === undefined ? download : await runCommand('dpkg-deb', ['-x', file, '.'], { cwd: folder });
  if (unpacked.ok) return;
  const remedy = `install it (Debian: apt-get install ${deb}, macOS: brew install ${deb})`;
  throw new Error(`${deb} is missing: ${remedy}.\n${unpacked.output}`);
}
