/** Artillery, installed beside this file on first use, so that `npm ci` of the repository does without it. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../localstack/processes/user-error.ts';
import { runCommand } from '../../localstack/servers/command.ts';

const folder = import.meta.dirname;
const stampFile = join(folder, 'node_modules', '.odometer-installed');

/** The path of Artillery's program; installs the locked versions if the lock file is not the installed one. */
export async function installArtillery(log: (line: string) => void): Promise<string> {
  const lock = readFileSync(join(folder, 'package-lock.json'), 'utf8');
  if (!existsSync(stampFile) || readFileSync(stampFile, 'utf8') !== lock) {
    log('installing Artillery (145 MB, about a minute, only after its lock file has changed)');
    // No scripts: the only ones are of browsers and reporters that `absent/` replaces.
    const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    const outcome = await runCommand('npm', args, { cwd: folder });
    if (!outcome.ok) throw new UserError(`npm ci in test/load has failed:\n${outcome.output}`);
    writeFileSync(stampFile, lock);
  }
  return join(folder, 'node_modules', 'artillery', 'bin', 'run');
}
