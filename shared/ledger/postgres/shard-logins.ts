import { withOwnerSession } from './owner-session.ts';
import { scramVerifier } from './scram.ts';

/** A login that the migrations made without a password, and the password it is to have. */
export interface ShardLoginPassword {
  readonly login: string;
  readonly password: string;
}

/** Installs the statistics extension where the shard has none yet; needs the right only in that case. */
export async function ensureStatistics(ownerUrl: string): Promise<void> {
  await withOwnerSession({ ownerUrl, applicationName: 'logins' }, (session) =>
    session.query('create extension if not exists pg_stat_statements'),
  );
}

/** Sets passwords as the owner, who made the logins; repeating it changes nothing that a client notices. */
export async function setLoginPasswords(
  ownerUrl: string,
  logins: readonly ShardLoginPassword[],
): Promise<void> {
  await withOwnerSession({ ownerUrl, applicationName: 'logins' }, async (session) => {
    for (const { login, password } of logins) {
      const name = login.replaceAll('"', '""');
      await session.query(`alter role "${name}" password '${scramVerifier(password)}'`);
    }
  });
}

/** The login and password of each DSN that has both. */
export function loginsOf(urls: readonly string[]): readonly ShardLoginPassword[] {
  return urls.flatMap((text) => {
    const { username, password } = new URL(text);
    if (username === '' || password === '') return [];
    return [{ login: decodeURIComponent(username), password: decodeURIComponent(password) }];
  });
}
