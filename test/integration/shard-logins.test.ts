import { afterAll, beforeAll, expect, it } from 'vitest';
import { inSession } from '../../localstack/servers/postgres-session.ts';
import { ensureStatistics, loginsOf, setLoginPasswords } from '../../shared/ledger/postgres/shard-logins.ts';
import { type FreshShards, freshShards } from '../harness/pipeline/isolation.ts';

/** Of this file only: roles belong to the server, not to the database. */
const login = 'login_probe';
let shards: FreshShards;

beforeAll(async () => {
  shards = await freshShards({ topicId: 'topic-logins', partitions: 20 });
  const database = new URL(owner()).pathname.slice(1);
  await inSession(owner(), async (client) => {
    await client.query(`create role ${login} login`);
    await client.query(`grant connect on database ${database} to ${login}`);
  });
});

afterAll(async () => {
  const drop = `drop owned by ${login}; drop role ${login}`;
  await inSession(shards.superuserUrls[0] ?? '', (client) => client.query(drop));
  await shards.drop();
});

const owner = (): string => shards.ownerUrls[0] ?? '';
const urlWith = (password: string): string => {
  const url = new URL(owner());
  url.username = login;
  url.password = password;
  return url.href;
};
const canLogIn = (url: string): Promise<boolean> =>
  inSession(url, (client) => client.query('select 1')).then(
    () => true,
    () => false,
  );

it('a login gets the password of its DSN, and a changed one replaces it', async () => {
  const [first, second] = [urlWith('first p@ss/1'), urlWith('second')];
  await setLoginPasswords(owner(), loginsOf([first]));
  expect(await Promise.all([canLogIn(first), canLogIn(second)])).toEqual([true, false]);
  await setLoginPasswords(owner(), loginsOf([second]));
  expect(await Promise.all([canLogIn(first), canLogIn(second)])).toEqual([false, true]);
});

it('a DSN without a password changes no login', () => {
  expect(loginsOf(['postgres://probe@localhost/db', 'postgres://localhost/db'])).toEqual([]);
});

it('the statistics extension is ensured by an owner who is no superuser', async () => {
  await ensureStatistics(owner());
  await ensureStatistics(owner());
});
