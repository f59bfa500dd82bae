import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../processes/user-error.ts';

/** Where downloads are kept for all clones of one user, unless the caller names a folder. */
export function defaultCacheDir(): string {
  return join(homedir(), '.cache', 'odometer');
}

/**
 * A folder of the cache, filled once. It is filled under a temporary name and renamed when it is complete,
 * so a download that was cut off is never taken for a whole one and two twins may fill it at once.
 */
// Same type: the order of the path that they make.
export async function cachedFolder(
  cacheDir: string,
  name: string,
  fill: (folder: string) => Promise<void>,
): Promise<string> {
  const folder = join(cacheDir, name);
  if (existsSync(folder)) return folder;
  const temporary = `${folder}.${process.pid}.new`;
  rmSync(temporary, { recursive: true, force: true });
  makeFolder(temporary);
  try {
    await fill(temporary);
    renameSync(temporary, folder);
  } catch (cause) {
    rmSync(temporary, { recursive: true, force: true });
    if (!existsSync(folder)) throw cause; // Else another twin was quicker, and its copy is as good.
  }
  return folder;
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (cause) {
    throw new UserError(`${folder} cannot be made: name a folder for downloads with ODOMETER_CACHE_DIR.`, {
      cause,
    });
  }
}
