import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ApiKeyList } from '../../functions/authorizer/api-key-list.ts';
import { build as buildCredentials } from '../../functions/credentials/handler.ts';
import {
  hashApiKey,
  isApiKey,
  isSameHash,
  keyEnvironments,
  makeApiKey,
  readApiKey,
} from '../../shared/callers/api-key.ts';
import { fromMessage } from '../../shared/callers/api-key-message.ts';
import type { ApiKeyRow } from '../../shared/callers/api-key-row.ts';
import type { ApiKeyChanges } from '../../shared/callers/api-key-source.ts';
import { createHttpHandler } from '../../shared/http/stack.ts';
import {
  apiKeyListAgeMsMax,
  apiKeyListRetryMs,
  apiKeyListStaleMsMax,
  apiKeyPageRows,
  authorizedSeconds,
} from '../../shared/limits.ts';
import { httpEvent, lambdaContext } from '../harness/builders/handlers.ts';
import { FakeClock } from '../harness/fakes/clock.ts';
import { FakeLogger } from '../harness/fakes/logger.ts';

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

describe('the text of a key', () => {
  it('is found by the pattern of SECURITY.md, and its checksum is CRC-32 in base 62', () => {
    for (const environment of keyEnvironments) {
      for (let made = 0; made < 100; made++) {
        const { id, text } = makeApiKey(environment, randomBytes);
        expect(text).toMatch(/^odo_(local|staging|production)_[0-9a-z]{16}_[0-9A-Za-z]{49}$/);
        expect(readApiKey(text)).toEqual({ environment, id });
        const checksum = [...text.slice(-6)].reduce((sum, digit) => sum * 62 + alphabet.indexOf(digit), 0);
        expect(checksum).toBe(crc32(text.slice(0, -6)));
      }
    }
  });

  it('holds its bytes whole: the least and the greatest are two keys', () => {
    const least = makeApiKey('local', (bytes) => Buffer.alloc(bytes));
    const greatest = makeApiKey('local', (bytes) => Buffer.alloc(bytes, 0xff));
    expect(least.text).toHaveLength(greatest.text.length);
    expect([readApiKey(least.text), readApiKey(greatest.text)]).toMatchObject([
      { id: least.id },
      { id: greatest.id },
    ]);
  });

  it('is not read with any one character changed, left out or added', () => {
    const { text } = makeApiKey('staging', randomBytes);
    for (let at = 0; at < text.length; at++) {
      const other = text[at] === 'x' ? 'y' : 'x';
      for (const changed of [
        `${text.slice(0, at)}${other}${text.slice(at + 1)}`,
        `${text.slice(0, at)}${text.slice(at + 1)}`,
        `${text.slice(0, at)}${other}${text.slice(at)}`,
      ])
        expect(readApiKey(changed), changed).toBeNull();
    }
    expect(readApiKey(`${text}\n`)).toBeNull();
  });

  it('is not taken for a token, and a token is not taken for it', () => {
    expect(isApiKey(makeApiKey('local', randomBytes).text)).toBe(true);
    expect(isApiKey('eyJhbGciOiJIUzI1NiJ9.e30.x')).toBe(false);
  });

  it('has another hash under another secret, and hashes are compared whole', () => {
    const { text } = makeApiKey('local', randomBytes);
    const [one, other] = [hashApiKey(text, randomBytes(32)), hashApiKey(text, randomBytes(32))];
    expect(isSameHash(one, Buffer.from(one))).toBe(true);
    expect(isSameHash(one, other)).toBe(false);
    expect(isSameHash(one, one.subarray(1))).toBe(false);
  });
});

function rowOf(id: string, change: Partial<ApiKeyRow> = {}): ApiKeyRow {
  return {
    ...{ id, hash: Buffer.alloc(32, 7), owner: 'o', scopes: ['read'], organizations: ['org_1'] },
    ...{ keysRequired: false, createdBy: 'a', createdAtMs: 1, expiresAtMs: null, revokedAtMs: null },
    version: 1,
    ...change,
  };
}

/** A list over shards that answer what the test says, one answer a read. */
function listOf(answers: readonly (readonly (ApiKeyChanges | null)[])[]) {
  const clock = new FakeClock();
  const waiting = [...answers];
  const asked: (readonly number[])[] = [];
  const source = {
    changes: async (places: readonly number[]) => {
      asked.push([...places]);
      return waiting.shift() ?? [null, null, null, null];
    },
  };
  return { list: new ApiKeyList(source, clock), clock, asked };
}
const changes = (place: number, rows: readonly ApiKeyRow[] = [], more = false) => ({ place, rows, more });

describe('the list of keys', () => {
  it('U9: joins what the shards say that answer, so that one which missed a revocation changes nothing', async () => {
    const revoked = rowOf('a', { version: 2, revokedAtMs: 5 });
    const { list, asked } = listOf([[changes(1, [rowOf('a')]), changes(2, [revoked]), null, null]]);
    expect(await list.find('a')).toEqual(revoked);
    expect(asked).toEqual([[0, 0, 0, 0]]);
  });

  it('asks for what is above the place of each shard, page by page, until none has more', async () => {
    const page = Array.from({ length: apiKeyPageRows }, (_, at) => rowOf(`k${at}`));
    const { list, clock, asked } = listOf([
      [changes(500, page, true), changes(3), null, null],
      [changes(501, [rowOf('last')]), changes(3), changes(9), null],
      [changes(502), changes(3), changes(9), changes(1)],
    ]);
    expect(await list.find('last')).toMatchObject({ id: 'last' });
    expect(await list.find('k7')).toMatchObject({ id: 'k7' });
    await clock.advance(apiKeyListAgeMsMax);
    await list.find('k7');
    expect(asked).toEqual([
      [0, 0, 0, 0],
      [500, 3, 0, 0],
      [501, 3, 9, 0],
    ]);
  });

  it('waits for one answer with all who ask at once', async () => {
    const { list, asked } = listOf([[changes(1, [rowOf('a')]), null, null, null]]);
    await Promise.all(Array.from({ length: 50 }, () => list.find('a')));
    expect(asked).toHaveLength(1);
  });

  it('is unavailable where it was never read, and asks again after two seconds', async () => {
    const { list, clock, asked } = listOf([[null, null, null, null]]);
    for (let sent = 0; sent < 20; sent++)
      await expect(list.find('a')).rejects.toMatchObject({ code: 'api_keys_unavailable', retryable: true });
    expect(asked).toHaveLength(1);
    await clock.advance(apiKeyListRetryMs);
    await expect(list.find('a')).rejects.toMatchObject({ code: 'api_keys_unavailable' });
    expect(asked).toHaveLength(2);
  });

  it('goes on also where the question itself fails, and says why it cannot go on', async () => {
    const clock = new FakeClock();
    let answers: (readonly (ApiKeyChanges | null)[])[] = [[changes(1, [rowOf('a')]), null, null, null]];
    const cause = new Error('the function is throttled');
    const list = new ApiKeyList(
      {
        changes: async () => {
          const [answer] = answers;
          answers = [];
          if (answer === undefined) throw cause;
          return answer;
        },
      },
      clock,
    );
    await list.find('a');
    await clock.advance(apiKeyListAgeMsMax);
    expect(await list.find('a')).toMatchObject({ id: 'a' });
    await expect(list.find('b')).rejects.toMatchObject({ code: 'api_keys_unavailable', cause });
  });

  it('goes on for ten minutes wherever the wall clock is set, and each request does not wait', async () => {
    const { list, clock, asked } = listOf([[changes(1, [rowOf('a')]), null, null, null]]);
    await list.find('a');
    clock.step(-3_600_000);
    await clock.advance(apiKeyListAgeMsMax);
    for (let sent = 0; sent < 20; sent++) expect(await list.find('a')).toMatchObject({ id: 'a' });
    expect(asked).toHaveLength(2);
    await clock.advance(apiKeyListStaleMsMax);
    await expect(list.find('a')).rejects.toMatchObject({ code: 'api_keys_unavailable' });
  });
});

it('the function credentials says what the shards say, through JSON', async () => {
  const said = [changes(3, [rowOf('a', { organizations: 'all', expiresAtMs: 9 })]), null, changes(0), null];
  const noted: unknown[] = [];
  const answer = buildCredentials({
    changes: async () => said,
    noteUses: async (uses) => void noted.push(uses),
  });
  const message: unknown = JSON.parse(JSON.stringify(await answer({ places: [0, 0, 0, 0] })));
  expect(fromMessage(message)).toEqual(said);
  const uses = [{ id: 'a', usedAtMs: 4 }];
  await answer({ uses });
  expect(noted).toEqual([uses]);
  await expect(answer({ places: [0] })).rejects.toMatchObject({ code: 'config_invalid' });
});

it('a key that nobody can check is 503 with a time to wait, and not 401', async () => {
  const handle = createHttpHandler({
    logger: new FakeLogger(),
    respond: () => Promise.reject(new Error('no request comes so far')),
  });
  const event = httpEvent({ routeKey: 'GET /api/v1/metrics' });
  const authorizer = { lambda: { unavailable: 'api_keys_unavailable' } };
  const unchecked = { ...event, requestContext: { ...event.requestContext, authorizer } };
  const answer = await handle(unchecked, lambdaContext());
  expect(answer).toMatchObject({
    statusCode: 503,
    headers: { 'retry-after': String(authorizedSeconds), 'cache-control': 'no-store' },
  });
  expect(JSON.parse(answer.body ?? '')).toMatchObject({ code: 'api_keys_unavailable' });
});
