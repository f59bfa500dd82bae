/** A key that was withdrawn is refused after the time that SECURITY.md states, and a new one is taken. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { build } from '../../functions/authorizer/handler.ts';
import { createTokenVerifier } from '../../shared/callers/jwt/token-verifier.ts';
import {
  secretsAgeMsMax,
  secretsRetryMs,
  tokenKeysAgeMsMax,
  tokenKeysCooldownMs,
  tokenKeysStaleMsMax,
  verifiedTokenAgeMsMax,
} from '../../shared/limits.ts';
import { noApiKeys } from '../harness/fakes/api-keys.ts';
import { FakeClock, testNowMs } from '../harness/fakes/clock.ts';
import { FakeLogger } from '../harness/fakes/logger.ts';

const issuer = 'https://issuer.test';
const audience = 'odometer';
/** Valid for longer than any of these tests lasts. */
const hours = 3;

function token(
  header: { readonly alg: string; readonly kid?: string },
  nowMs: number,
  subject: string,
): SignJWT {
  return new SignJWT({ scope: 'read', organizations: '*' })
    .setProtectedHeader({ ...header })
    .setSubject(subject)
    .setIssuer(issuer)
    .setAudience(audience)
    .setExpirationTime(nowMs / 1000 + hours * 3600);
}

it('the times are those that SECURITY.md states', () => {
  const minutes = [
    secretsAgeMsMax,
    secretsRetryMs,
    tokenKeysAgeMsMax,
    verifiedTokenAgeMsMax,
    tokenKeysStaleMsMax,
  ];
  expect(minutes.map((ms) => ms / 60_000)).toEqual([1, 0.5, 1, 1, 10]);
});

const codeOf = (answer: { isAuthorized: boolean; context: Readonly<Record<string, string>> }) =>
  answer.isAuthorized ? 'granted' : answer.context['code'];

describe('a key of the key set', () => {
  let server: Server;
  let published: readonly string[];
  let up: boolean;
  let fetches: number;
  const pairs = new Map<string, Awaited<ReturnType<typeof generateKeyPair>>>();

  beforeEach(async () => {
    [published, up, fetches] = [['old'], true, 0];
    for (const kid of ['old', 'new']) pairs.set(kid, await generateKeyPair('ES256', { extractable: true }));
    server = createServer(async (_request, response) => {
      fetches += 1;
      const keys = published.map(async (kid) => {
        const pair = pairs.get(kid);
        return { ...(pair === undefined ? {} : await exportJWK(pair.publicKey)), kid, alg: 'ES256' };
      });
      response.writeHead(up ? 200 : 500, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ keys: await Promise.all(keys) }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  function setup() {
    const clock = new FakeClock();
    // A server that listens on TCP has such an address.
    const jwksUrl = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const tokens = createTokenVerifier({ issuer, audience, secret: undefined, jwksUrl }, clock);
    const authorize = build({ tokens, apiKeys: noApiKeys, clock, logger: new FakeLogger() });
    const signed = new Map<string, string>();
    /** `subject`: another text is another token, which nobody remembers. */
    // Same type: a key by its id, and who sends.
    const send = async (kid: string, subject: string) => {
      const { privateKey } = pairs.get(kid) ?? {};
      if (privateKey === undefined) throw new Error(`no key ${kid}`);
      const made =
        signed.get(kid + subject) ??
        (await token({ alg: 'ES256', kid }, testNowMs, subject).sign(privateKey));
      signed.set(kid + subject, made);
      return authorize({ headers: { authorization: `Bearer ${made}` } }).then(codeOf, ({ code }) => code);
    };
    return { clock, send };
  }

  it('that was removed signs nothing new after a minute, and a token of it ends after two', async () => {
    const { clock, send } = setup();
    expect(await send('old', 'a')).toBe('granted');
    published = ['new'];
    await clock.advance(tokenKeysAgeMsMax - 1);
    expect(await send('old', 'last')).toBe('granted');
    await clock.advance(1);
    expect(await send('old', 'b')).toBe('token_key_unknown');
    expect(await send('new', 'c')).toBe('granted');
    expect(await send('old', 'last')).toBe('granted');
    await clock.advance(verifiedTokenAgeMsMax - 1);
    expect(await send('old', 'last')).toBe('token_key_unknown');
  });

  it('that was added is taken at once where the set was not fetched a moment ago', async () => {
    const { clock, send } = setup();
    await send('old', 'a');
    published = ['old', 'new'];
    expect(await send('new', 'a')).toBe('token_key_unknown');
    await clock.advance(tokenKeysCooldownMs);
    expect(await send('new', 'a')).toBe('granted');
  });

  it('goes on for ten minutes while the set cannot be fetched, and each minute is not each request', async () => {
    const { clock, send } = setup();
    await send('old', 'a');
    up = false;
    await clock.advance(tokenKeysAgeMsMax);
    const before = fetches;
    for (const subject of ['b', 'c', 'd']) expect(await send('old', subject)).toBe('granted');
    expect(fetches).toBe(before + 1);
    await clock.advance(tokenKeysStaleMsMax - 1);
    expect(await send('old', 'e')).toBe('granted');
    await clock.advance(1);
    expect(await send('old', 'f')).toBe('token_keys_unavailable');
    up = true;
    expect(await send('old', 'g')).toBe('granted');
  });

  it('is looked at again after a minute wherever the wall clock is set', async () => {
    const { clock, send } = setup();
    await send('old', 'a');
    published = ['new'];
    clock.step(-3_600_000);
    await clock.advance(tokenKeysAgeMsMax);
    expect(await send('old', 'b')).toBe('token_key_unknown');
  });
});

describe('the secret', () => {
  let folder: string;
  const secrets = (values: Readonly<Record<string, string>>) =>
    writeFileSync(join(folder, 'secrets.json'), JSON.stringify(values));
  const old = 'the old secret, of thirty-two bytes or more';
  const next = 'the new secret, of thirty-two bytes or more';
  const never = 'a secret that nobody signs by, as long as it must be';

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'odometer-withdrawn-'));
    vi.useFakeTimers({ toFake: ['performance', 'Date'] });
    vi.resetModules();
    vi.stubEnv('ODOMETER_SECRETS_FILE', join(folder, 'secrets.json'));
    vi.stubEnv('JWT_SECRET', 'secret:jwt-secret');
    vi.stubEnv('JWT_SECRET_PREVIOUS', 'secret:jwt-secret-previous');
    vi.stubEnv('JWT_JWKS_URL', '');
    vi.stubEnv('JWT_ISSUER', issuer);
    vi.stubEnv('JWT_AUDIENCE', audience);
    vi.stubEnv('API_KEY_HASH_SECRET', Buffer.alloc(32).toString('base64'));
    vi.stubEnv('CREDENTIALS_FUNCTION', 'nobody-asks-it');
    vi.stubEnv('LOG_LEVEL', 'silent');
    secrets({ 'jwt-secret': old, 'jwt-secret-previous': never });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });

  /** A running authorizer, as Lambda and the twin load it; answers what becomes of a token that a secret signed. */
  async function running() {
    const { handler } = await import('../../functions/authorizer/handler.ts');
    return async (secret: string): Promise<string | undefined> => {
      const unsigned = token({ alg: 'HS256' }, Date.UTC(2100, 0, 1), 'a');
      const signed = await unsigned.sign(new TextEncoder().encode(secret));
      return codeOf(await handler({ headers: { authorization: `Bearer ${signed}` } }));
    };
  }

  it('that was replaced signs nothing after a minute, also no token that was granted a moment ago', async () => {
    const send = await running();
    expect(await send(old)).toBe('granted');
    secrets({ 'jwt-secret': next, 'jwt-secret-previous': never });
    vi.advanceTimersByTime(secretsAgeMsMax - 1);
    expect(await send(old)).toBe('granted');
    vi.advanceTimersByTime(1);
    expect(await send(old)).toBe('token_signature_invalid');
    expect(await send(next)).toBe('granted');
  });

  it('is taken beside the previous one while the issuer changes', async () => {
    const send = await running();
    await send(old);
    secrets({ 'jwt-secret': next, 'jwt-secret-previous': old });
    vi.advanceTimersByTime(secretsAgeMsMax);
    expect([await send(old), await send(next), await send('any other secret of that length')]).toEqual([
      'granted',
      'granted',
      'token_signature_invalid',
    ]);
    secrets({ 'jwt-secret': next, 'jwt-secret-previous': never });
    vi.advanceTimersByTime(secretsAgeMsMax);
    expect([await send(old), await send(next)]).toEqual(['token_signature_invalid', 'granted']);
  });

  it('goes on while it cannot be read or is no secret, and is looked for sooner then', async () => {
    const send = await running();
    await send(old);
    rmSync(join(folder, 'secrets.json'));
    vi.advanceTimersByTime(secretsAgeMsMax);
    expect(await send(old)).toBe('granted');
    secrets({ 'jwt-secret': 'short', 'jwt-secret-previous': never });
    vi.advanceTimersByTime(secretsRetryMs);
    expect(await send(old)).toBe('granted');
    secrets({ 'jwt-secret': next, 'jwt-secret-previous': never });
    vi.advanceTimersByTime(secretsRetryMs);
    expect([await send(old), await send(next)]).toEqual(['token_signature_invalid', 'granted']);
  });
});
