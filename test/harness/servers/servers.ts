/**
 * The global set-up of the tiers `integration` and `fault`: one set of real servers on free ports for the whole
 * run, in a folder that is thrown away. Tests get the addresses by `inject('servers')`.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startTimeOf } from '../../../localstack/processes/identity.ts';
import { runningSupervisor, stopLeftovers } from '../../../localstack/processes/state-file.ts';
import { say } from '../../../localstack/screen.ts';
import { passwordOf } from '../../../localstack/servers/secrets.ts';
import { type Servers, startServers } from '../../../localstack/servers/start-servers.ts';
import { twinSettings } from '../../../localstack/settings.ts';
import type { ShardLogin } from '../../../shared/contracts/shards.ts';

const testFolderPrefix = 'odometer-test-';

/** What tests know of the servers. Databases, topics and logins come from `test/harness/pipeline/isolation.ts`. */
export interface TestServers {
  readonly dataDir: string;
  /** `host:port` */
  readonly kafka: string;
  readonly redis: string;
  /** The superuser's DSN of each shard's maintenance database. */
  readonly superuserUrls: readonly string[];
  readonly passwords: Readonly<Record<ShardLogin, string>>;
}

declare module 'vitest' {
  export interface ProvidedContext {
    readonly servers: TestServers;
  }
}

let running: Servers | undefined;
let folder: string | undefined;

/** Starts the servers; called by vitest once before the tier's files. */
export async function setup(project: TestProject): Promise<void> {
  await sweepTestFolders();
  folder = makeTestFolder();
  const { cacheDir } = twinSettings();
  running = await startServers({ dataDir: folder, cacheDir, log: say });
  const { kafka, redis, shards, secrets } = running;
  project.provide('servers', {
    dataDir: folder,
    kafka,
    redis,
    superuserUrls: shards.map((shard) => shard.superuserUrl),
    passwords: {
      owner: passwordOf(secrets, 'owner'),
      writer: passwordOf(secrets, 'writer'),
      reader: passwordOf(secrets, 'reader'),
      operator: passwordOf(secrets, 'operator'),
      authorizer: passwordOf(secrets, 'authorizer'),
      keys: passwordOf(secrets, 'keys'),
    },
  });
}

/** Kills the servers and deletes their data; called by vitest once after the tier's files. */
export async function teardown(): Promise<void> {
  await running?.stop(true);
  if (folder !== undefined) removeTestFolder(folder);
}

/** A new folder that carries this process in its name, so that the next run knows whether it is still used. */
export function makeTestFolder(): string {
  return mkdtempSync(join(tmpdir(), `${testFolderPrefix}${process.pid}-`));
}

/** Deletes a folder of a test run. */
export function removeTestFolder(path: string): void {
  rmSync(path, { recursive: true, force: true });
}

/** Stops and deletes what a test run left that was killed. Runs that go on, here or in other clones, are spared. */
async function sweepTestFolders(): Promise<void> {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(testFolderPrefix))) {
    const owner = Number(name.slice(testFolderPrefix.length).split('-')[0]);
    const path = join(tmpdir(), name);
    if (startTimeOf(owner) !== undefined || runningSupervisor(path) !== undefined) continue;
    await stopLeftovers(path);
    removeTestFolder(path);
  }
}
