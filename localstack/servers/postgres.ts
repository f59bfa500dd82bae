import { spawn } from 'node:child_process';
import { chownSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { ProcessSpec } from '../processes/kept-process.ts';
import { openLog } from '../processes/log-file.ts';
import { UserError } from '../processes/user-error.ts';
import { runCommand } from './command.ts';
import {
  type Account,
  initialised,
  makeAccountFolder,
  ownFolder,
  postgresAccount,
  postgresPrograms,
} from './postgres-account.ts';
import { oneStatement } from './postgres-session.ts';
import { postgresSettings } from './postgres-settings.ts';

const readyMs = 120_000;
const stopMs = 30_000;

export interface PostgresRequest {
  readonly dataDir: string;
  readonly ports: readonly number[];
  readonly superuserPassword: string;
  /** In the name of each server, so that those of two twins differ. */
  readonly twinId: string;
}

/** The folder of a shard's data. */
export function shardFolder(dataDir: string, shard: number): string {
  return join(dataDir, 'postgres', `shard${shard}`);
}

/** The DSN of a login at one shard. */
// Same type: the order in which an address names them.
export function shardUrl(port: number, login: string, password: string, database: string): string {
  return `postgres://${login}:${password}@127.0.0.1:${port}/${database}`;
}

/** Creates the clusters that do not exist yet and describes one postmaster for each shard. */
export async function postgresSpecs(request: PostgresRequest): Promise<readonly ProcessSpec[]> {
  const { dataDir, ports, superuserPassword, twinId } = request;
  const account = await postgresAccount();
  const programs = await postgresPrograms(account);
  makeAccountFolder(join(dataDir, 'postgres'), account);
  return Promise.all(
    ports.map(async (port, shard): Promise<ProcessSpec> => {
      const folder = shardFolder(dataDir, shard);
      const cluster = `odometer-${twinId}-shard${shard}`;
      if (!initialised(folder)) await initialise({ programs, folder, account, superuserPassword });
      writeFileSync(join(folder, 'postgresql.conf'), postgresSettings(port));
      const name = `shard${shard}`;
      const logFile = join(dataDir, 'logs', `${name}.log`);
      return {
        name,
        logFile,
        spawn: () => {
          const output = openLog(logFile);
          const stdio: ['ignore', number, number] = ['ignore', output, output];
          const args = ['-D', ownFolder(folder), '-c', `cluster_name=${cluster}`];
          return spawn(join(programs, 'bin', 'postgres'), args, {
            ...account,
            stdio,
            detached: true,
            cwd: folder,
          });
        },
        prepare: () => forgetForeignPid(folder, cluster),
        probe: () => oneStatement(shardUrl(port, 'postgres', superuserPassword, 'postgres'), 'select 1'),
        readyMs,
        stopSignal: 'SIGINT',
        stopMs,
      };
    }),
  );
}

interface InitialiseRequest {
  readonly programs: string;
  readonly folder: string;
  readonly account: Account;
  readonly superuserPassword: string;
}

async function initialise({
  programs,
  folder,
  account,
  superuserPassword,
}: InitialiseRequest): Promise<void> {
  rmSync(folder, { recursive: true, force: true }); // An initdb that was cut off leaves no PG_VERSION to trust.
  makeAccountFolder(folder, account);
  // Beside the folder, which must be empty.
  const passwordFile = `${folder}.password`;
  writeFileSync(passwordFile, `${superuserPassword}\n`, { mode: 0o600 });
  if (account.uid !== undefined && account.gid !== undefined) {
    chownSync(passwordFile, account.uid, account.gid);
  }
  const login = ['--username=postgres', '--auth=scram-sha-256', `--pwfile=../${basename(passwordFile)}`];
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  const args = [`--pgdata=${ownFolder(folder)}`, ...login, ...locale];
  const outcome = await runCommand(join(programs, 'bin', 'initdb'), args, { ...account, cwd: folder });
  rmSync(passwordFile, { force: true });
  if (!outcome.ok) throw new UserError(`Postgres cannot create ${folder}: ${outcome.output}`);
}

/**
 * A postmaster that was killed leaves its process id in `postmaster.pid`, and Postgres will not start while a
 * process of the same user has this id. After a reboot that may be a stranger (or another shard): only then the
 * file goes. While the server of this very cluster lives it stays, and so do its shared-memory safeguards. The server
 * is known by the cluster's name: `ps` writes a path otherwise in a locale that lacks its characters.
 */
// Same type: a path starts with a slash, and a cluster that is called so is no cluster of ours.
export async function forgetForeignPid(folder: string, cluster: string): Promise<void> {
  const file = join(folder, 'postmaster.pid');
  const pid = firstLineOf(file);
  if (pid === undefined) return;
  const owner = await runCommand('ps', ['-o', 'command=', '-p', pid]);
  if (owner.ok && !owner.output.includes(`cluster_name=${cluster}`)) rmSync(file, { force: true });
}

function firstLineOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').split('\n')[0];
  } catch {
    return undefined;
  }
}
