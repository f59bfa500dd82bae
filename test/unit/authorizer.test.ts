import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { authorizerConfig } from '../../functions/authorizer/config.ts';
import { build } from '../../functions/authorizer/handler.ts';
import { fromHttpCaller } from '../../shared/callers/http-caller.ts';
import { createTokenVerifier } from '../../shared/callers/jwt/token-verifier.ts';
import type { TokenVerifier } from '../../shared/callers/token-verifier.ts';
import { tokenCharsMax, tokenClockToleranceSeconds, verifiedTokenAgeMsMax } from '../../shared/limits.ts';
import { loadConfig } from '../../shared/runtime/config.ts';
import { noApiKeys } from '../harness/fakes/api-keys.ts';
import { FakeClock, testNowMs } from '../harness/fakes/clock.ts';
import { FakeLogger } from '../harness/fakes/logger.ts';

const issuer = 'https://issuer.test';
const audience = 'odometer';
const secret = new TextEncoder().encode('a secret of at least thirty-two bytes');
const nowSeconds = testNowMs / 1000;
const rsa = await generateKeyPair('RS256', { extractable: true });
const ec = await generateKeyPair('ES256', { extractable: true });
const strange = await generateKeyPair('RS256');

let keyServer: Server;
let fetches = 0;
beforeAll(async () => {
  const keys = [
    { ...(await exportJWK(rsa.publicKey)), kid: 'rsa', alg: 'RS256' },
    { ...(await exportJWK(ec.publicKey)), kid: 'ec', alg: 'ES256' },
  ];
  keyServer = createServer((_, response) => {
    fetches += 1;
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys }));
  });
  await new Promise<void>((resolve) => keyServer.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  keyServer.close();
});

function keySetUrl(): URL {
  // A server that listens on TCP has such an address.
  return new URL(`http://127.0.0.1:${(keyServer.address() as AddressInfo).port}/`);
}

const goodClaims = { scope: 'ingest read', organizations: ['org_1', 'org_2'] };

interface Header {
  readonly alg: string;
  readonly kid?: string;
}

function token(claims: Record<string, unknown> = goodClaims, header: Header = { alg: 'HS256' }): SignJWT {
  return new SignJWT(claims)
    .setProtectedHeader({ ...header })
    .setSubject('platform')
    .setIssuer(issuer)
    .setAudience(audience)
    .setExpirationTime(nowSeconds + 600);
}

interface Setup {
  readonly secret?: Uint8Array | undefined;
  readonly jwksUrl?: URL | undefined;
}

function setup(keys: Setup = { secret }) {
  const clock = new FakeClock();
  const settings = { issuer, audience, secret: keys.secret, jwksUrl: keys.jwksUrl };
  const verifier = createTokenVerifier(settings, clock);
  let verified = 0;
  const tokens: TokenVerifier = {
    verify: (text) => {
      verified += 1;
      return verifier.verify(text);
    },
  };
  const logger = new FakeLogger();
  const authorize = build({ tokens, apiKeys: noApiKeys, clock, logger });
  const send = (text: string) => authorize({ headers: { authorization: `Bearer ${text}` } });
  return { authorize, send, clock, logger, verifications: () => verified };
}

const denial = (status: '401' | '403', code: string) => ({ isAuthorized: false, context: { status, code } });

describe('a valid token', () => {
  it('of HS256 becomes the caller that the functions read', async () => {
    const answer = await setup().send(await token().sign(secret));
    expect(answer).toEqual({
      isAuthorized: true,
      context: {
        callerId: 'platform',
        scopes: 'ingest read',
        organizations: 'org_1 org_2',
        keysRequired: 'false',
      },
    });
    expect(fromHttpCaller(answer.context)).toEqual({
      id: 'platform',
      scopes: new Set(['ingest', 'read']),
      organizations: new Set(['org_1', 'org_2']),
      keysRequired: false,
    });
  });

  it.each([
    ['RS256', 'rsa', rsa.privateKey],
    ['ES256', 'ec', ec.privateKey],
  ])("of %s is checked by the issuer's key set", async (alg, kid, key) => {
    const signed = await token(goodClaims, { alg, kid }).sign(key);
    expect((await setup({ jwksUrl: keySetUrl() }).send(signed)).isAuthorized).toBe(true);
  });

  it('reaches all organizations by *, and may be made to send keys', async () => {
    const claims = { ...goodClaims, organizations: '*', keys_required: true };
    const { context } = await setup().send(await token(claims).sign(secret));
    expect(fromHttpCaller(context)).toMatchObject({ organizations: 'all', keysRequired: true });
  });

  it('is granted the scopes that we know and no other', async () => {
    const claims = { ...goodClaims, scope: 'read openid root admin' };
    const { context } = await setup().send(await token(claims).sign(secret));
    expect(context).toMatchObject({ scopes: 'read admin' });
    const none = await setup().send(await token({ organizations: '*' }).sign(secret));
    expect(none).toMatchObject({ isAuthorized: true, context: { scopes: '' } });
  });

  it('a little before its time or after it is taken, because clocks differ', async () => {
    const { send, clock } = setup();
    const signed = await token().setNotBefore(nowSeconds).sign(secret);
    clock.step(-(tokenClockToleranceSeconds - 1) * 1000);
    expect((await send(signed)).isAuthorized).toBe(true);
    clock.step(testNowMs - clock.now() + (600 + tokenClockToleranceSeconds - 1) * 1000);
    expect((await send(signed)).isAuthorized).toBe(true);
  });
});

describe('refused as 401 is', () => {
  it.each([
    ['no header', undefined],
    ['another scheme', 'Basic dXNlcjpwYXNz'],
    ['a scheme without a token', 'Bearer '],
    ['two tokens', 'Bearer a b'],
  ])('%s', async (_, authorization) => {
    const headers = authorization === undefined ? {} : { authorization };
    expect(await setup().authorize({ headers })).toEqual(denial('401', 'credential_missing'));
  });

  it.each(['x', 'a.b.c', 'eyJhbGciOiJIUzI1NiJ9.e30', 'x'.repeat(tokenCharsMax + 1)])(
    'what is no token',
    async (text) => {
      expect(await setup().send(text)).toEqual(denial('401', 'token_malformed'));
    },
  );

  it('the algorithm none', async () => {
    const unsecured = new UnsecuredJWT(goodClaims)
      .setSubject('platform')
      .setIssuer(issuer)
      .setAudience(audience)
      .setExpirationTime(nowSeconds + 600)
      .encode();
    for (const keys of [{ secret }, { jwksUrl: keySetUrl() }, { secret, jwksUrl: keySetUrl() }])
      expect(await setup(keys).send(unsecured)).toEqual(denial('401', 'token_algorithm_refused'));
  });

  it('a token of HS256 made with the public key (algorithm confusion)', async () => {
    const publicKey = new TextEncoder().encode(await exportSPKI(rsa.publicKey));
    const confused = await token(goodClaims, { alg: 'HS256', kid: 'rsa' }).sign(publicKey);
    expect(await setup({ jwksUrl: keySetUrl() }).send(confused)).toEqual(
      denial('401', 'token_algorithm_refused'),
    );
    expect(await setup({ secret, jwksUrl: keySetUrl() }).send(confused)).toEqual(
      denial('401', 'token_signature_invalid'),
    );
  });

  it('an algorithm that is not on the list, or has no key here', async () => {
    const longer = await token(goodClaims, { alg: 'HS512' }).sign(new Uint8Array(64));
    expect(await setup().send(longer)).toEqual(denial('401', 'token_algorithm_refused'));
    const asymmetric = await token(goodClaims, { alg: 'RS256', kid: 'rsa' }).sign(rsa.privateKey);
    expect(await setup().send(asymmetric)).toEqual(denial('401', 'token_algorithm_refused'));
    const symmetric = await token().sign(secret);
    const byKeySet = setup({ jwksUrl: keySetUrl() });
    expect(await byKeySet.send(symmetric)).toEqual(denial('401', 'token_algorithm_refused'));
  });

  it('a signature of another key, and one that was changed', async () => {
    const other = await token().sign(new TextEncoder().encode('another secret of at least 32 bytes'));
    expect(await setup().send(other)).toEqual(denial('401', 'token_signature_invalid'));
    const [head, , signature] = (await token().sign(secret)).split('.');
    const [, raised] = (await token({ ...goodClaims, organizations: '*' }).sign(secret)).split('.');
    expect(await setup().send(`${head}.${raised}.${signature}`)).toEqual(
      denial('401', 'token_signature_invalid'),
    );
    const borrowed = await token(goodClaims, { alg: 'RS256', kid: 'rsa' }).sign(strange.privateKey);
    expect(await setup({ jwksUrl: keySetUrl() }).send(borrowed)).toEqual(
      denial('401', 'token_signature_invalid'),
    );
  });

  it('an unknown key id, without asking the issuer again for each', async () => {
    const { send } = setup({ jwksUrl: keySetUrl() });
    const before = fetches;
    for (const kid of ['a', 'b', 'c', 'd']) {
      const signed = await token(goodClaims, { alg: 'RS256', kid }).sign(strange.privateKey);
      expect(await send(signed)).toEqual(denial('401', 'token_key_unknown'));
    }
    expect(fetches - before).toBeLessThanOrEqual(2);
  });

  it.each([
    ['expired', token().setExpirationTime(nowSeconds - tokenClockToleranceSeconds), 'token_expired'],
    [
      'not yet valid',
      token().setNotBefore(nowSeconds + tokenClockToleranceSeconds + 1),
      'token_not_yet_valid',
    ],
    ['of another issuer', token().setIssuer('https://other.test'), 'token_wrong_issuer'],
    ['for another audience', token().setAudience('other'), 'token_wrong_audience'],
    [
      'without an end',
      new SignJWT(goodClaims)
        .setProtectedHeader({ alg: 'HS256' })
        .setSubject('platform')
        .setIssuer(issuer)
        .setAudience(audience),
      'token_claim_invalid',
    ],
    ['without a subject', token({ ...goodClaims }).setSubject(''), 'token_claim_invalid'],
  ])('a token that is %s', async (_, unsigned, code) => {
    const { send, logger } = setup();
    const signed = await unsigned.sign(secret);
    expect(await send(signed)).toEqual(denial('401', code));
    expect(JSON.stringify(logger.lines)).not.toContain(signed);
  });
});

describe('refused as 403 is', () => {
  it('a token without organizations', async () => {
    const signed = await token({ scope: 'read' }).sign(secret);
    expect(await setup().send(signed)).toEqual(denial('403', 'organizations_missing'));
  });

  it.each([[[]], [['*']], [['org_1', '*']], ['org_1'], [['a b']], [[1]], [{ org_1: true }], [null]])(
    'a token for the organizations %j',
    async (organizations) => {
      const signed = await token({ ...goodClaims, organizations }).sign(secret);
      expect(await setup().send(signed)).toEqual(denial('403', 'organizations_invalid'));
    },
  );
});

it('a verified token is remembered for a minute, and not beyond its end', async () => {
  const { send, clock, verifications } = setup();
  const signed = await token().sign(secret);
  await send(signed);
  await send(signed);
  expect(verifications()).toBe(1);
  await clock.advance(verifiedTokenAgeMsMax);
  await send(signed);
  expect(verifications()).toBe(2);
  await clock.advance((600 + tokenClockToleranceSeconds) * 1000);
  expect(await send(signed)).toEqual(denial('401', 'token_expired'));
});

it('a token that ends within the minute is not remembered beyond its end', async () => {
  const { send, clock, verifications } = setup();
  const signed = await token()
    .setExpirationTime(nowSeconds + 1)
    .sign(secret);
  await send(signed);
  await clock.advance(999);
  await send(signed);
  expect(verifications()).toBe(1);
  await clock.advance(1);
  await send(signed);
  expect(verifications()).toBe(2);
});

it('nobody passes, and nobody is called a liar, while the key set cannot be fetched', async () => {
  const { send, logger } = setup({ jwksUrl: new URL('http://127.0.0.1:1/') });
  const signed = await token(goodClaims, { alg: 'RS256', kid: 'rsa' }).sign(rsa.privateKey);
  await expect(send(signed)).rejects.toMatchObject({ code: 'token_keys_unavailable', retryable: true });
  expect(logger.lines[0]).toMatchObject({ level: 'error', message: 'a caller could not be checked' });
});

describe('the configuration', () => {
  const load = (environment: Record<string, string>) =>
    loadConfig(authorizerConfig, environment, {
      read: () => Promise.reject(new Error('there are no secrets')),
    });
  const whom = {
    ...{ JWT_ISSUER: issuer, JWT_AUDIENCE: audience },
    ...{ API_KEY_HASH_SECRET: Buffer.alloc(32).toString('base64'), CREDENTIALS_FUNCTION: 'credentials' },
  };
  const signed = { ...whom, JWT_SECRET: 'x'.repeat(32) };

  it.each([
    ['neither a secret nor a key set', whom],
    ['a secret that is too short', { ...whom, JWT_SECRET: 'short' }],
    ['a key set that is not fetched by TLS', { ...whom, JWT_JWKS_URL: 'http://issuer.test/keys' }],
    ['no issuer', { ...signed, JWT_ISSUER: '' }],
    ['no audience', { ...signed, JWT_AUDIENCE: '' }],
    ['no secret for API keys', { ...signed, API_KEY_HASH_SECRET: '' }],
    ['nobody to ask for API keys', { ...signed, CREDENTIALS_FUNCTION: '' }],
    ['a stage that is not known', { ...signed, STAGE: 'elsewhere' }],
  ])('with %s is refused', async (_, environment) => {
    await expect(load(environment)).rejects.toMatchObject({ code: 'config_invalid' });
  });

  it('may name both kinds of key', async () => {
    const both = { ...whom, JWT_SECRET: 'x'.repeat(32), JWT_JWKS_URL: 'https://issuer.test/keys' };
    expect(await load(both)).toMatchObject({
      issuer,
      audience,
      jwksUrl: new URL('https://issuer.test/keys'),
    });
  });
});
