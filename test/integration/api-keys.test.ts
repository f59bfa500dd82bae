/** API keys on four real shards: the functions that make and check them, over connections that can be cut. */
import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { build as buildAuthorizer } from '../../functions/authorizer/handler.ts';
import { compareShards } from '../../functions/keys/compare-shards.ts';
import { createKey, type KeyRequest } from '../../functions/keys/create-key.ts';
import { listKeys } from '../../functions/keys/list-keys.ts';
import { revokeKey } from '../../functions/keys/revoke-key.ts';
import { rotateKey } from '../../functions/keys/rotate-key.ts';
import { freePort } from '../../localstack/servers/ports.ts';
import { inSession, oneStatement } from '../../localstack/servers/postgres-session.ts';
import type { ApiKeyShard } from '../../shared/callers/api-key-shard.ts';
import type { Caller } from '../../shared/callers/caller.ts';
import { createApiKeyShards } from '../../shared/ledger/postgres/api-key-shard.ts';
import { createApiKeySource } from '../../shared/ledger/postgres/api-key-source.ts';
import { apiKeyListAgeMsMax, apiKeyListRetryMs, apiKeyListStaleMsMax, dayMs } from '../../shared/limits.ts';
import { FakeClock } from '../harness/fakes/clock.ts';
import { FakeLogger } from '../harness/fakes/logger.ts';
import { type FreshShards, freshShards, rowsOf } from '../harness/pipeline/isolation.ts';

const administrator: Caller = {
  id: 'admin',
  scopes: new Set(['ingest', 'read', 'admin', 'backfill', 'correct']),
  organizations: 'all',
  keysRequired: false,
};
const hashSecret = randomBytes(32);
const request: KeyRequest = {
  owner: 'platform',
  scopes: ['ingest', 'read'],
  organizations: ['org_1', 'org_2'],
  keysRequired: false,
};
const refusedAnswer = { isAuthorized: false, context: { status: '401', code: 'api_key_invalid' } };
const unavailableAnswer = { isAuthorized: true, context: { unavailable: 'api_keys_unavailable' } };

let shards: FreshShards;
let closed: string;
const opened: { close(): Promise<void> }[] = [];
let owners = 0;

beforeAll(async () => {
  shards = await freshShards({ topicId: 'topic-keys', partitions: 20 });
  closed = String(await freePort());
});
beforeEach(async () => {
  await compareShards({ shards: keyShards(), logger: new FakeLogger() });
});
/** A test opens many, and a server has a hundred. */
afterEach(closeAll);
afterAll(() => shards.drop());

async function closeAll(): Promise<void> {
  await Promise.all(opened.splice(0).map((one) => one.close()));
}

/** Addresses at which the shards that are `down` do not answer. */
function urls(all: readonly string[], down: readonly number[]): readonly string[] {
  return all.map((text, shard) => {
    const url = new URL(text);
    if (down.includes(shard)) url.port = closed;
    return url.href;
  });
}

function keyShards(down: readonly number[] = []): readonly ApiKeyShard[] {
  const made = createApiKeyShards({ urls: urls(shards.keysUrls, down) });
  opened.push(...made);
  return made;
}

function portsOf(down: readonly number[] = []) {
  const logger = new FakeLogger();
  const clock = { now: () => Date.now() };
  return {
    shards: keyShards(down),
    ...{ clock, random: randomBytes, hashSecret, environment: 'local' as const, logger },
  };
}

/** An authorizer of its own, whose list of keys is empty, and whose monotonic clock the test moves. */
function authorizer(down: readonly number[] = []) {
  const real = createApiKeySource({ urls: urls(shards.authorizerUrls, down) });
  const none = createApiKeySource({ urls: urls(shards.authorizerUrls, [0, 1, 2, 3]) });
  opened.push(real, none);
  const moments = new FakeClock();
  const state = { reads: 0, down: false };
  const source = {
    changes: async (places: readonly number[]) => {
      state.reads += 1;
      return (state.down ? none : real).changes(places);
    },
    noteUses: real.noteUses,
  };
  const clock = { now: () => Date.now(), monotonic: () => moments.monotonic() };
  const tokens = { verify: () => Promise.reject(new Error('no token is sent here')) };
  const logger = new FakeLogger();
  const authorize = buildAuthorizer({
    apiKeys: { source, hashSecret, environment: 'local' },
    ...{ tokens, clock, logger },
  });
  const send = (key: string) => authorize({ headers: { authorization: `Bearer ${key}` } });
  return { send, state, advance: (ms: number) => moments.advance(ms), logger };
}

async function made(change: Partial<KeyRequest> = {}, down: readonly number[] = []) {
  owners += 1;
  const outcome = await createKey(portsOf(down), administrator, {
    ...request,
    owner: `platform-${owners}`,
    ...change,
  });
  if (outcome.kind !== 'created') throw new Error(`not created: ${outcome.kind}`);
  return outcome;
}

describe('a key that was made', () => {
  it('U9: lets its owner in with its rights, whichever shard is down', async () => {
    const { text, row } = await made({ keysRequired: true });
    for (const down of [[], [0], [1, 2], [1, 2, 3]]) {
      expect(await authorizer(down).send(text)).toEqual({
        isAuthorized: true,
        context: {
          callerId: `key:${row.owner}`,
          scopes: 'ingest read',
          organizations: 'org_1 org_2',
          keysRequired: 'true',
        },
      });
    }
  });

  it('is in no database, but its hash is in every one', async () => {
    const { text, row } = await made();
    for (const shard of [0, 1, 2, 3]) {
      const tables = await shards.query(
        shard,
        `select to_jsonb(k)::text as row from api_keys k union all select to_jsonb(a)::text from audit_log a`,
      );
      expect(JSON.stringify(tables)).toContain(row.hash.toString('hex'));
      expect(JSON.stringify(tables)).not.toContain(text);
      expect(JSON.stringify(tables)).not.toContain(text.split('_')[3]);
    }
  });

  it('is refused with another secret, and where it has ended', async () => {
    const { text } = await made();
    const other = await made();
    // The other key's id with this key's secret would have another checksum; so a key that was guessed whole is made.
    const { send } = authorizer();
    expect(await send(text)).toMatchObject({ isAuthorized: true });
    const ended = await createKey(
      { ...portsOf(), clock: { now: () => Date.now() - 2 * dayMs } },
      administrator,
      { ...request, owner: 'ended', expiresInDays: 1 },
    );
    expect(ended.kind === 'created' && (await send(ended.text))).toEqual(refusedAnswer);
    await oneStatement(
      shards.superuserUrls[0] ?? '',
      `update api_keys set hash = sha256('x') where id = '${other.row.id}'`,
    );
    expect(await authorizer([1, 2, 3]).send(other.text)).toEqual(refusedAnswer);
    await oneStatement(
      shards.superuserUrls[0] ?? '',
      `update api_keys set hash = '\\x${other.row.hash.toString('hex')}' where id = '${other.row.id}'`,
    );
  });
});

describe('a revoked key', () => {
  it('is refused when the list is 30 s old, and at once by who reads anew', async () => {
    const { text, row } = await made();
    const before = authorizer();
    expect(await before.send(text)).toMatchObject({ isAuthorized: true });
    expect(await revokeKey(portsOf(), administrator, row.id)).toMatchObject({ kind: 'revoked', missing: [] });
    await before.advance(apiKeyListAgeMsMax - 1);
    expect(await before.send(text)).toMatchObject({ isAuthorized: true });
    await before.advance(1);
    expect(await before.send(text)).toEqual(refusedAnswer);
    expect(await authorizer().send(text)).toEqual(refusedAnswer);
  });

  it('U9: is refused also by the shard that was down when it was revoked, once it is back and alone', async () => {
    const { text, row } = await made();
    const outcome = await revokeKey(portsOf([3]), administrator, row.id);
    expect(outcome).toMatchObject({ kind: 'revoked', row: { version: 2 }, missing: [3] });
    // The shard is back with the others: they know.
    expect(await authorizer().send(text)).toEqual(refusedAnswer);
    // A shard that was started answers for no credential until it was compared with others.
    await started(3);
    expect(await authorizer([0, 1, 2]).send(text)).toEqual(unavailableAnswer);
    expect(await compareShards({ shards: keyShards(), logger: new FakeLogger() })).toEqual({
      compared: [0, 1, 2, 3],
      joined: 1,
    });
    expect(await authorizer([0, 1, 2]).send(text)).toEqual(refusedAnswer);
    expect(await shards.query(3, `select version from api_keys where id = '${row.id}'`)).toEqual([
      { version: 2 },
    ]);
  });

  it('U9: stays revoked whichever two shards took it and whichever three are compared', async () => {
    for (const down of pairs()) {
      const { text, row } = await made();
      expect(await revokeKey(portsOf(down), administrator, row.id)).toMatchObject({ missing: down });
      for (const lost of [0, 1, 2, 3]) {
        await compareShards({ shards: keyShards([lost]), logger: new FakeLogger() });
        for (const alone of [0, 1, 2, 3].filter((shard) => shard !== lost)) {
          const others = [0, 1, 2, 3].filter((shard) => shard !== alone);
          expect(await authorizer(others).send(text)).toEqual(refusedAnswer);
        }
        await closeAll();
      }
    }
  });

  it('is not called revoked where too few shards took it', async () => {
    const { row } = await made();
    await expect(revokeKey(portsOf([0, 1, 2]), administrator, row.id)).rejects.toMatchObject({
      code: 'api_keys_unavailable',
      retryable: true,
    });
  });

  it('gains nothing by a later row, and no login can take the revocation back', async () => {
    const { text, row } = await made();
    await revokeKey(portsOf(), administrator, row.id);
    for (const shard of keyShards()) await shard.join([row], { by: 'test', why: 'an older row' });
    expect(await authorizer().send(text)).toEqual(refusedAnswer);
    const url = shards.keysUrls[0] ?? '';
    const undo = `update api_keys set revoked_at = null, version = version + 1 where id = '${row.id}'`;
    await expect(rowsOf(url, undo)).rejects.toThrow(/a key gains nothing/);
  });
});

describe('while no shard answers', () => {
  it('keys of the list go on for ten minutes, and an unknown one is 503 and not 401', async () => {
    const [known, unknown] = [await made(), await made()];
    const first = authorizer();
    expect(await first.send(known.text)).toMatchObject({ isAuthorized: true });
    const late = await made();
    first.state.down = true;
    await first.advance(apiKeyListAgeMsMax);
    expect(await first.send(known.text)).toMatchObject({ isAuthorized: true });
    expect(await first.send(unknown.text)).toMatchObject({ isAuthorized: true });
    expect(await first.send(late.text)).toEqual(unavailableAnswer);
    await first.advance(apiKeyListStaleMsMax - 1);
    expect(await first.send(known.text)).toMatchObject({ isAuthorized: true });
    await first.advance(1);
    expect(await first.send(known.text)).toEqual(unavailableAnswer);
    first.state.down = false;
    await first.advance(apiKeyListRetryMs);
    expect(await first.send(late.text)).toMatchObject({ isAuthorized: true });
  });

  it('nothing is changed by half: a key that one shard took alone is of no use', async () => {
    await expect(made({ owner: 'half' }, [1, 2, 3])).rejects.toMatchObject({ code: 'api_keys_unavailable' });
    const rows = await shards.query(
      0,
      `select revoked_at is null as live from api_keys where owner = 'half'`,
    );
    expect(rows).toEqual([{ live: false }]);
  });

  it('shards that were compared long ago, or whose clock was set back, answer for nobody', async () => {
    const { text } = await made();
    for (const when of [`now() - interval '16 minutes'`, `now() + interval '1 minute'`]) {
      for (const url of shards.keysUrls) await rowsOf(url, `update api_key_state set compared_at = ${when}`);
      expect(await authorizer().send(text)).toEqual(unavailableAnswer);
    }
  });

  it('fewer than three shards are not compared', async () => {
    await expect(
      compareShards({ shards: keyShards([2, 3]), logger: new FakeLogger() }),
    ).rejects.toMatchObject({ code: 'api_keys_unavailable' });
  });
});

it('unknown keys, however many, are one read a second, and those that are not whole are none', async () => {
  const { makeApiKey } = await import('../../shared/callers/api-key.ts');
  const { send, state, advance } = authorizer();
  for (let sent = 0; sent < 200; sent++)
    expect(await send(makeApiKey('local', randomBytes).text)).toEqual(refusedAnswer);
  expect(state.reads).toBe(1);
  await advance(1000);
  for (let sent = 0; sent < 200; sent++) await send(makeApiKey('local', randomBytes).text);
  expect(state.reads).toBe(2);
  await advance(1000);
  for (let sent = 0; sent < 200; sent++) {
    const { text } = makeApiKey('local', randomBytes);
    expect(await send(`${text.slice(0, -1)}${text.endsWith('0') ? '1' : '0'}`)).toEqual(refusedAnswer);
    expect(await send(makeApiKey('production', randomBytes).text)).toEqual(refusedAnswer);
  }
  expect(state.reads).toBe(2);
});

it('when a key was used is stored once a minute, and listed', async () => {
  const { text, row } = await made();
  const { send, advance } = authorizer();
  const used = async () =>
    (await listKeys(portsOf(), administrator, { owner: row.owner, ended: false, limit: 10 })).keys[0]
      ?.lastUsedAtMs;
  expect(await used()).toBeNull();
  await send(text);
  await expect.poll(used).toBeGreaterThan(Date.now() - 60_000);
  const first = await used();
  await advance(59_999);
  await send(text);
  await advance(1);
  await send(text);
  await expect.poll(used).toBeGreaterThan(first ?? 0);
});

it('an owner has two live keys at most, also of administrators who add at once', async () => {
  const outcomes = await Promise.all(
    Array.from({ length: 5 }, () => createKey(portsOf(), administrator, { ...request, owner: 'busy' })),
  );
  expect(outcomes.map(({ kind }) => kind).toSorted()).toEqual([
    ...['created', 'created', 'owner_has_enough', 'owner_has_enough', 'owner_has_enough'],
  ]);
});

it('a rotated key goes on for its grace, beside the key that replaces it', async () => {
  const { text, row } = await made();
  const outcome = await rotateKey(portsOf(), administrator, { id: row.id, graceHours: 24 });
  if (outcome.kind !== 'created') throw new Error(outcome.kind);
  const { send } = authorizer();
  expect(await send(text)).toMatchObject({ isAuthorized: true });
  expect(await send(outcome.text)).toEqual(await send(text));
  expect(outcome.replaced.expiresAtMs).toBeLessThan(Date.now() + dayMs + 1000);
  // Two are live: a third needs that one of them ends.
  expect(await rotateKey(portsOf(), administrator, { id: outcome.row.id, graceHours: 0 })).toMatchObject({
    kind: 'owner_has_enough',
  });
  await revokeKey(portsOf(), administrator, row.id);
  const last = await rotateKey(portsOf(), administrator, { id: outcome.row.id, graceHours: 0 });
  expect(last.kind).toBe('created');
  expect(await authorizer().send(outcome.text)).toEqual(refusedAnswer);
  expect(await rotateKey(portsOf(), administrator, { id: row.id, graceHours: 0 })).toEqual({
    kind: 'key_not_live',
  });
});

it('U10: the authorizer can change no key, the maker can delete none, and others see none', async () => {
  const refused = async (all: readonly string[], sql: string) =>
    expect(rowsOf(all[0] ?? '', sql)).rejects.toThrow(/permission denied/);
  for (const sql of [
    ...['update api_keys set owner = owner', 'delete from api_keys', 'truncate api_keys'],
    'update api_key_state set changes = changes',
    'select * from usage_rollups',
  ])
    await refused(shards.authorizerUrls, sql);
  for (const sql of [
    'update api_keys set hash = hash',
    'delete from api_keys',
    'select * from usage_rollups',
  ])
    await refused(shards.keysUrls, sql);
  for (const login of [shards.readerUrls, shards.writerUrls]) await refused(login, 'select * from api_keys');
  expect(await rowsOf(shards.ownerUrls[0] ?? '', 'select * from api_keys')).toEqual([]);
});

it('who made, revoked and rotated a key is on record', async () => {
  const { row } = await made();
  await revokeKey(portsOf(), { ...administrator, id: 'somebody' }, row.id);
  const records = await shards.query(
    2,
    `select login, decided_by, decided_why, action from audit_log
     where subject = 'api_keys' and after->>'id' = '${row.id}' order by id`,
  );
  expect(records).toEqual([
    { login: 'odometer_keys', decided_by: 'admin', decided_why: 'create', action: 'insert' },
    { login: 'odometer_keys', decided_by: 'somebody', decided_why: 'revoke', action: 'update' },
  ]);
});

/** As far as a shard can say, it was started after its last comparison. */
async function started(shard: number): Promise<void> {
  await inSession(shards.superuserUrls[shard] ?? '', (client) =>
    client.query(`update api_key_state set compared_at = pg_postmaster_start_time() - interval '1 second'`),
  );
}

function pairs(): readonly (readonly number[])[] {
  return [0, 1, 2, 3].flatMap((a) => [0, 1, 2, 3].filter((b) => b > a).map((b) => [a, b]));
}
