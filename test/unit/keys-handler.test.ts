import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { build } from '../../functions/keys/handler.ts';
import {
  createKeyAnswer,
  listKeysAnswer,
  revokeKeyAnswer,
  rotateKeyAnswer,
} from '../../functions/keys/key-schema.ts';
import type { AuthorizerContext } from '../../shared/callers/http-caller.ts';
import { apiKeyDaysMax, apiKeyOrganizationsCharsMax } from '../../shared/limits.ts';
import { httpEvent, lambdaContext } from '../harness/builders/handlers.ts';
import { FakeApiKeyShard } from '../harness/fakes/api-key-shard.ts';
import { FakeClock } from '../harness/fakes/clock.ts';
import { FakeLogger } from '../harness/fakes/logger.ts';

const everything: AuthorizerContext = {
  ...{ callerId: 'root', scopes: 'ingest read admin backfill correct', organizations: '*' },
  keysRequired: 'false',
};
const ofOurs: AuthorizerContext = { ...everything, scopes: 'read admin', organizations: 'org_1 org_2' };
const good = { owner: 'platform', scopes: ['read'], organizations: ['org_1'] };

let shards: readonly FakeApiKeyShard[];
let handle: ReturnType<typeof build>;
beforeEach(() => {
  shards = [0, 1, 2, 3].map((shard) => new FakeApiKeyShard(shard));
  const rest = { clock: new FakeClock(), random: randomBytes, hashSecret: randomBytes(32) };
  handle = build({ shards, ...rest, environment: 'local', logger: new FakeLogger() });
});

interface Asked {
  readonly route: string;
  readonly body?: unknown;
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly caller?: AuthorizerContext;
}

async function ask({ route, body, key, query, caller = everything }: Asked) {
  const event = httpEvent({
    routeKey: route,
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    ...(key === undefined ? {} : { pathParameters: { key } }),
    ...(query === undefined ? {} : { query }),
    authorizer: caller,
  });
  const { statusCode, body: text = '' } = await handle(event, lambdaContext());
  return { status: statusCode, body: JSON.parse(text) as Record<string, unknown> };
}

const create = (body: unknown, caller = everything) => ask({ route: 'POST /api/v1/keys', body, caller });

/** As the documents say it is: nothing is missing, and nothing is there that they do not name. */
function asDocumented<Shape extends z.ZodObject>(shape: Shape, body: unknown): z.output<Shape> {
  return shape.strict().parse(body) as z.output<Shape>;
}

it('a key is made, listed, rotated and revoked, and each answer is what the documents say', async () => {
  const made = await create({ ...good, expires_in_days: 30 });
  expect(made.status).toBe(201);
  const { key, key_id: id } = asDocumented(createKeyAnswer, made.body);
  expect(key).toContain(`_${id}_`);
  const rotated = await ask({ route: 'POST /api/v1/keys/{key}/rotate', key: id });
  const next = asDocumented(rotateKeyAnswer, rotated.body);
  expect([rotated.status, next.replaces.key_id, next.owner]).toEqual([201, id, 'platform']);
  const revoked = await ask({ route: 'POST /api/v1/keys/{key}/revoke', key: id });
  expect(asDocumented(revokeKeyAnswer, revoked.body)).toMatchObject({ state: 'revoked', unavailable: [] });
  const listed = await ask({ route: 'GET /api/v1/keys', query: { ended: 'true', limit: '1' } });
  const page = asDocumented(listKeysAnswer, listed.body);
  const rest = await ask({
    route: 'GET /api/v1/keys',
    query: { ended: 'true', cursor: page.next_cursor ?? '' },
  });
  const all = [...page.keys, ...asDocumented(listKeysAnswer, rest.body).keys];
  expect(all.map((one) => one.key_id).toSorted()).toEqual([id, next.key_id].toSorted());
  expect(JSON.stringify([listed, rest, revoked])).not.toContain(key);
});

it.each<[string, unknown, string]>([
  ['no JSON', '{', 'invalid_json'],
  ['no owner', { ...good, owner: undefined }, 'owner'],
  ['an owner that is no name', { ...good, owner: 'a b' }, 'owner'],
  ['no scope', { ...good, scopes: [] }, 'scopes'],
  ['an unknown scope', { ...good, scopes: ['write'] }, 'scopes.0'],
  ['a scope twice', { ...good, scopes: ['read', 'read'] }, 'scopes'],
  ['no organization', { ...good, organizations: [] }, 'organizations'],
  ['* among organizations', { ...good, organizations: ['org_1', '*'] }, 'organizations'],
  [
    'more organizations than a request carries',
    {
      ...good,
      organizations: Array.from({ length: apiKeyOrganizationsCharsMax / 8 }, (_, i) => `org_${1000 + i}`),
    },
    'organizations',
  ],
  ['an end that is today', { ...good, expires_in_days: 0 }, 'expires_in_days'],
  ['an end that is too far', { ...good, expires_in_days: apiKeyDaysMax + 1 }, 'expires_in_days'],
  ['an unknown member', { ...good, scope: 'read' }, 'scope'],
])('a body with %s is refused, and the member is named', async (_what, body, named) => {
  const { status, body: answer } = await create(body);
  expect(status).toBe(400);
  expect(JSON.stringify(answer)).toContain(named);
  expect(shards[0]?.rows.size).toBe(0);
});

describe('nobody hands on more than they have', () => {
  it.each<[string, object, string]>([
    ['a scope', { ...good, scopes: ['read', 'backfill'] }, 'scope_not_allowed'],
    ['an organization', { ...good, organizations: ['org_1', 'org_3'] }, 'organization_not_allowed'],
    ['all organizations', { ...good, organizations: '*' }, 'organization_not_allowed'],
  ])('%s', async (_what, body, code) => {
    expect(await create(body, ofOurs)).toMatchObject({ status: 403, body: { code } });
    expect((await create(good, ofOurs)).status).toBe(201);
  });

  it('keys of others are not there: they are neither listed, nor revoked, nor rotated', async () => {
    const theirs = await create({ ...good, organizations: ['org_1', 'org_3'] });
    const all = await create({ ...good, owner: 'other', organizations: '*' });
    for (const { body } of [theirs, all]) {
      const key = String(body['key_id']);
      for (const verb of ['revoke', 'rotate']) {
        const answer = await ask({ route: `POST /api/v1/keys/{key}/${verb}`, key, caller: ofOurs });
        expect(answer).toMatchObject({ status: 404, body: { code: 'key_unknown' } });
      }
    }
    const listed = await ask({ route: 'GET /api/v1/keys', caller: ofOurs });
    expect(listed.body).toMatchObject({ keys: [] });
  });

  it('by rotation neither: a key with a scope that the caller lacks', async () => {
    const made = await create({ ...good, scopes: ['read', 'correct'] });
    const key = String(made.body['key_id']);
    const answer = await ask({ route: 'POST /api/v1/keys/{key}/rotate', key, caller: ofOurs });
    expect(answer).toMatchObject({ status: 403, body: { code: 'scope_not_allowed' } });
  });
});

describe('while shards are down', () => {
  const setDown = (...down: readonly number[]) => {
    for (const one of shards) one.down = down.includes(one.shard);
  };

  it('a change that two shards take is made, and names the others', async () => {
    const made = await create(good);
    setDown(0, 2);
    const key = String(made.body['key_id']);
    const revoked = await ask({ route: 'POST /api/v1/keys/{key}/revoke', key });
    expect(revoked).toMatchObject({ status: 200, body: { unavailable: ['shard0', 'shard2'] } });
    expect(await create({ ...good, owner: 'other' })).toMatchObject({
      status: 201,
      body: { unavailable: ['shard0', 'shard2'] },
    });
  });

  it('a change that one shard takes is not made: 503, and no key is of use', async () => {
    setDown(0, 1, 2);
    expect(await create(good)).toMatchObject({ status: 503, body: { code: 'api_keys_unavailable' } });
    setDown();
    const listed = await ask({ route: 'GET /api/v1/keys' });
    expect(listed.body).toMatchObject({ keys: [] });
  });

  it('a rotation that one shard takes leaves the old key as it was', async () => {
    const made = await create(good);
    const key = String(made.body['key_id']);
    setDown(1, 2, 3);
    expect(await ask({ route: 'POST /api/v1/keys/{key}/rotate', key })).toMatchObject({ status: 503 });
    setDown();
    const listed = await ask({ route: 'GET /api/v1/keys' });
    expect(listed.body['keys']).toMatchObject([{ key_id: key, expires_at: null, state: 'live' }]);
  });

  it('a key that nobody finds is 404 only where three shards were asked', async () => {
    const revoke = () => ask({ route: 'POST /api/v1/keys/{key}/revoke', key: '0'.repeat(16) });
    setDown(3);
    expect((await revoke()).status).toBe(404);
    setDown(2, 3);
    expect((await revoke()).status).toBe(503);
  });
});
