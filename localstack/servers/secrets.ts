import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { type ShardLogin, shardLoginNames, shardLogins } from '../../shared/contracts/shards.ts';
import { readJson, writeJsonAtomically } from '../processes/atomic-file.ts';

type LoginPassword = `${(typeof shardLogins)[ShardLogin]['role']}-password`;

/** One member for each login of the shards. */
function loginPasswords<T>(make: () => T): Record<LoginPassword, T> {
  const members = shardLoginNames.map((login) => [`${shardLogins[login].role}-password`, make()] as const);
  // The keys are those of the type: one for each login.
  return Object.fromEntries(members) as Record<LoginPassword, T>;
}

const text = z.string().min(1);
const secretsSchema = z.object({
  /** In the names of this twin's servers; not secret, but as lasting. */
  'twin-id': text,
  'encryption-key': text,
  'receipt-key': text,
  'api-key-hash-secret': text,
  'segment-key': text,
  'jwt-secret': text,
  /** At first a text that nobody has signed by. */
  'jwt-secret-previous': text,
  'redis-password': text,
  'postgres-password': text,
  ...loginPasswords(() => text),
});

/** Everything secret of one twin, by the names that `secret:<name>` resolves. */
export type TwinSecrets = Readonly<z.infer<typeof secretsSchema>>;

/** The password of a login on every shard. */
export function passwordOf(secrets: TwinSecrets, login: ShardLogin): string {
  return secrets[`${shardLogins[login].role}-password`];
}

/** The file of a data directory that holds its secrets (mode 0600). */
export function secretsFileOf(dataDir: string): string {
  return join(dataDir, 'secrets.json');
}

/** The secrets of a data directory: made at its first start, the same ever after. */
export function loadSecrets(dataDir: string): TwinSecrets {
  const file = secretsFileOf(dataDir);
  const stored = readJson(file);
  const made: TwinSecrets = {
    'twin-id': randomBytes(8).toString('hex'),
    'encryption-key': randomBytes(32).toString('base64'),
    'receipt-key': randomBytes(32).toString('base64'),
    'api-key-hash-secret': randomBytes(32).toString('base64'),
    'segment-key': randomBytes(32).toString('base64'),
    'jwt-secret': password(),
    'jwt-secret-previous': password(),
    'redis-password': password(),
    'postgres-password': password(),
    ...loginPasswords(password),
  };
  // What a data directory of older code does not have yet is added; what it has stays.
  const secrets = secretsSchema.parse({ ...made, ...(stored as object | undefined) });
  if (!isDeepStrictEqual(secrets, stored)) writeJsonAtomically(file, secrets);
  return secrets;
}

/** Hex, so that a URL, a settings file and a statement need no escapes. */
function password(): string {
  return randomBytes(24).toString('hex');
}
