import type pg from 'pg';
import { type ShardLogin, shardLogins } from '../../shared/contracts/shards.ts';
import { scramVerifier } from '../../shared/ledger/postgres/scram.ts';
import { setLoginPasswords } from '../../shared/ledger/postgres/shard-logins.ts';
import { inSession } from './postgres-session.ts';

const ownerRole = shardLogins.owner.role;
/** The logins that the migrations create without a password. */
const serviceLogins = [
  'writer',
  'reader',
  'operator',
  'authorizer',
  'keys',
] as const satisfies readonly ShardLogin[];
type ServiceLogin = (typeof serviceLogins)[number];

export interface ProvisionRequest {
  /** The superuser's DSN of the maintenance database. */
  readonly superuserUrl: string;
  readonly database: string;
  readonly ownerPassword: string;
}

/**
 * Does once, as the superuser, what a managed Postgres does for its customer: the owner login, the database,
 * the statistics extension, and the two predefined roles that the owner may pass on. Every step can be repeated.
 */
export async function provisionShard(request: ProvisionRequest): Promise<void> {
  const { superuserUrl, database, ownerPassword } = request;
  await inSession(superuserUrl, async (client) => {
    await createOwner(client, ownerPassword);
    await createDatabase(client, database);
  });
  await inSession(databaseUrl(superuserUrl, database), async (client) => {
    await client.query('create extension if not exists pg_stat_statements');
  });
}

/** Gives the service logins their passwords, as the owner, who created them. */
export async function setServicePasswords(
  ownerUrl: string,
  passwords: Readonly<Record<ServiceLogin, string>>,
): Promise<void> {
  const logins = serviceLogins.map((login) => {
    return { login: shardLogins[login].role, password: passwords[login] };
  });
  await setLoginPasswords(ownerUrl, logins);
}

/** The same server and login, another database. */
// Same type: a database's name is no address, and `URL` throws.
export function databaseUrl(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
}

async function createOwner(client: pg.Client, password: string): Promise<void> {
  const found = await client.query('select 1 from pg_roles where rolname = $1', [ownerRole]);
  const verb = found.rowCount === 0 ? 'create' : 'alter';
  const rights = 'login createrole nosuperuser nocreatedb nobypassrls';
  await client.query(`${verb} role ${ownerRole} ${rights} password '${scramVerifier(password)}'`);
  for (const role of ['pg_read_all_stats', 'pg_signal_backend']) {
    await client.query(`grant ${role} to ${ownerRole} with admin option`);
  }
}

async function createDatabase(client: pg.Client, database: string): Promise<void> {
  const found = await client.query('select 1 from pg_database where datname = $1', [database]);
  if (found.rowCount === 0) await client.query(`create database ${database} owner ${ownerRole}`);
}
