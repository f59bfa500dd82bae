/**
 * Brings one shard's schema up to date and says what the shard is. The owner login needs CREATEROLE, the
 * database, the extension pg_stat_statements in it, and, for the operator to see statistics of other logins,
 * pg_read_all_stats or pg_monitor WITH ADMIN OPTION; no superuser.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { OdometerError } from '../shared/errors.ts';
import { adoptClosedDays } from '../shared/ledger/postgres/closed-days.ts';
import { type OwnerSession, withOwnerSession } from '../shared/ledger/postgres/owner-session.ts';
import { isLockConflict } from '../shared/ledger/postgres/shard-error.ts';
import { migrationPauseMs, migrationWaitMsMax } from '../shared/limits.ts';
import { systemClock } from '../shared/runtime/process/system-clock.ts';

/** Two migrators of one shard, one after the other; the number is arbitrary. */
const migrationLock = 7_041_776;

export interface ShardMigration {
  readonly ownerUrl: string;
  readonly shard: number;
  readonly topicId: string;
  readonly mapVersion: number;
  /** The partitions whose home is this shard. */
  readonly partitions: readonly number[];
  readonly generation: number;
}

interface MigrationFile {
  readonly version: number;
  readonly name: string;
  readonly text: string;
  readonly checksum: string;
}

interface AppliedRow {
  readonly version: number;
  readonly name: string;
  readonly checksum: string;
}

/**
 * Applies what is missing, each file in one transaction with its version row first, then makes the identity
 * row and the progress rows where they are missing, and brings them to the days that the shard has closed. Repeating it changes nothing. Where somebody holds a lock, it
 * tries again, so that commits and reads pass in between. Throws `shard_refused` for a newer schema or a changed
 * file, `wrong_shard` where the identity differs (U9), `shard_unavailable` when a lock is not free in ten minutes.
 */
export async function migrateShard(
  migration: ShardMigration,
  folder = new URL('./', import.meta.url),
): Promise<{ readonly applied: string[] }> {
  return await withOwnerSession(
    { ownerUrl: migration.ownerUrl, applicationName: 'migrate' },
    async (session) => {
      const untilMs = systemClock.monotonic() + migrationWaitMsMax;
      const patiently: Patiently = (work) => whenLocksAreFree(work, untilMs);
      // Held until the session ends, whatever happens in between.
      await patiently(() => session.query('select pg_advisory_lock($1)', [migrationLock]));
      await patiently(() => makeVersionTable(session));
      const applied = await applyMissing(session, readMigrations(folder), patiently);
      await patiently(() => session.transaction(() => seedShard(session, migration)));
      return { applied };
    },
  );
}

/** Repeats work that did not get a lock, or was ended in a deadlock; both leave nothing behind. */
type Patiently = <T>(work: () => Promise<T>) => Promise<T>;

async function whenLocksAreFree<T>(work: () => Promise<T>, untilMs: number): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isLockConflict(error) || systemClock.monotonic() + migrationPauseMs >= untilMs) throw error;
      await systemClock.sleep(migrationPauseMs);
    }
  }
}

/** The SQL files of the folder, in order. */
function readMigrations(folder: URL): readonly MigrationFile[] {
  return readdirSync(folder)
    .filter((name) => /^\d{3}_\w+\.sql$/.test(name))
    .sort()
    .map((name) => {
      const text = readFileSync(new URL(name, folder), 'utf8');
      const checksum = createHash('sha256').update(text).digest('hex');
      return { version: Number(name.slice(0, 3)), name, text, checksum };
    });
}

async function makeVersionTable(session: OwnerSession): Promise<void> {
  await session.query(`create table if not exists schema_migrations (
    version integer primary key,
    name text not null,
    checksum text not null,
    applied_at timestamptz not null default now()
  )`);
}

async function applyMissing(
  session: OwnerSession,
  files: readonly MigrationFile[],
  patiently: Patiently,
): Promise<string[]> {
  const rows = await session.query<AppliedRow>('select version, name, checksum from schema_migrations');
  const known = new Map(files.map((file) => [file.version, file]));
  for (const row of rows) {
    const file = known.get(row.version);
    if (file === undefined) throw refusal(`the schema is newer than this code: it has ${row.name}`);
    if (file.checksum !== row.checksum) throw refusal(`${file.name} was changed after it was applied`);
  }
  const done = new Set(rows.map((row) => row.version));
  const missing = files.filter((file) => !done.has(file.version));
  for (const file of missing) {
    await patiently(() => session.transaction(() => applyFile(session, file)));
  }
  return missing.map((file) => file.name);
}

async function applyFile(session: OwnerSession, file: MigrationFile): Promise<void> {
  const values = [file.version, file.name, file.checksum];
  await session.query('insert into schema_migrations (version, name, checksum) values ($1, $2, $3)', values);
  await session.query(file.text);
}

async function seedShard(session: OwnerSession, migration: ShardMigration): Promise<void> {
  const { shard, topicId, mapVersion, partitions, generation } = migration;
  await session.query(
    'insert into shard_identity (shard, topic_id, map_version) values ($1, $2, $3) on conflict do nothing',
    [shard, topicId, mapVersion],
  );
  // Locked, as a closing locks it: one that began before is waited for, and one that comes sees the partitions that are made.
  const [identity] = await session.query<{ shard: number; topic_id: string; map_version: number }>(
    'select shard, topic_id, map_version from shard_identity for update',
  );
  if (identity?.shard !== shard || identity.topic_id !== topicId || identity.map_version !== mapVersion) {
    const wanted = `shard ${shard}, topic ${topicId}, map ${mapVersion}`;
    const found = `shard ${identity?.shard}, topic ${identity?.topic_id}, map ${identity?.map_version}`;
    throw new OdometerError('wrong_shard', `expected ${wanted}; found ${found}`, { retryable: false });
  }
  await session.query(
    `insert into partition_progress (partition, generation, first_offset, next_offset)
     select partition, $2, 0, 0 from unnest($1::int[]) partition
     on conflict do nothing`,
    [partitions, generation],
  );
  await adoptClosedDays(session, mapVersion);
}

function refusal(message: string): OdometerError {
  return new OdometerError('shard_refused', message, { retryable: false });
}
