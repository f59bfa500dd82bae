import { join } from 'node:path';
import { UserError } from '../processes/user-error.ts';
import { cachedFolder } from './cache.ts';
import { onPath, runCommand } from './command.ts';

export interface VenvRequest {
  /** The folder in the cache; it carries the version, so that another version is another folder. */
  readonly name: string;
  /** Requirements as pip reads them, each pinned. */
  readonly packages: readonly string[];
  readonly cacheDir: string;
  readonly log: (line: string) => void;
}

/**
 * A Python environment with these packages, made once in the cache; answers its Python, which runs them by `-m`:
 * their own programs name the folder in which they were installed, and that was another.
 */
export async function venvPython({ name, packages, cacheDir, log }: VenvRequest): Promise<string> {
  const remedy = `${name} needs Python 3 with venv and pip: install it (Debian: apt-get install python3-venv).`;
  const folder = await cachedFolder(cacheDir, name, async (into) => {
    const python = onPath(['python3', 'python']);
    if (python === undefined) throw new UserError(remedy);
    log(`fetching ${packages.join(', ')} with pip (once)`);
    const made = await runCommand(python, ['-m', 'venv', into]);
    if (!made.ok) throw new UserError(`${remedy}\nPython said: ${made.output.trim()}`);
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages];
    const installed = await runCommand(join(into, 'bin', 'python'), pip);
    if (!installed.ok) throw new UserError(`${remedy}\npip said: ${installed.output.trim()}`);
  });
  return join(folder, 'bin', 'python');
}
