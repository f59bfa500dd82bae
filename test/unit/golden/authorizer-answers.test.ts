import { SignJWT } from 'jose';
import { it } from 'vitest';
import { build } from '../../../functions/authorizer/handler.ts';
import { createTokenVerifier } from '../../../shared/callers/jwt/token-verifier.ts';
import { expectGolden, jsonText } from '../../harness/builders/golden-file.ts';
import { noApiKeys } from '../../harness/fakes/api-keys.ts';
import { FakeClock, testNowMs } from '../../harness/fakes/clock.ts';
import { FakeLogger } from '../../harness/fakes/logger.ts';

const secret = new TextEncoder().encode('a secret of at least thirty-two bytes');
const settings = { issuer: 'https://issuer.test', audience: 'odometer', secret, jwksUrl: undefined };
const clock = new FakeClock();
const authorize = build({
  tokens: createTokenVerifier(settings, clock),
  apiKeys: noApiKeys,
  clock,
  logger: new FakeLogger(),
});
const nowSeconds = testNowMs / 1000;

/** A token that our issuer gave for these claims. */
function token(claims: Record<string, unknown>): Promise<string> {
  const usual = {
    sub: 'platform',
    iss: settings.issuer,
    aud: settings.audience,
    exp: nowSeconds + 600,
    scope: 'ingest read',
    organizations: ['org_1', 'org_2'],
  };
  return new SignJWT({ ...usual, ...claims }).setProtectedHeader({ alg: 'HS256' }).sign(secret);
}

const claims: readonly Record<string, unknown>[] = [
  {},
  { organizations: '*', keys_required: true, scope: 'ingest read admin backfill correct openid' },
  { scope: undefined },
  { organizations: undefined },
  { organizations: [] },
  { organizations: ['*'] },
  { organizations: 'org_1' },
  { sub: '' },
  { sub: undefined },
  { sub: 's'.repeat(257) },
  { exp: nowSeconds - 31 },
  { exp: nowSeconds - 29 },
  { exp: undefined },
  { nbf: nowSeconds + 31 },
  { iss: 'https://other.test' },
  { aud: 'other' },
];

const headers: readonly (string | undefined)[] = [
  undefined,
  'Basic dXNlcjpwYXNz',
  'Bearer ',
  'Bearer a b',
  'Bearer x',
  `Bearer ${'x'.repeat(8193)}`,
];

it('tokens are answered as in the golden file', async () => {
  const ofClaims = claims.map(async (each) => {
    const answer = await authorize({ headers: { authorization: `Bearer ${await token(each)}` } });
    const said = Object.fromEntries(
      Object.entries(each).map(([name, value]) => [name, value ?? '(left out)']),
    );
    return { claims: said, answer };
  });
  const ofHeaders = headers.map(async (authorization) => {
    const answer = await authorize({ headers: authorization === undefined ? {} : { authorization } });
    return { header: authorization?.slice(0, 30) ?? null, answer };
  });
  const answers = [...(await Promise.all(ofClaims)), ...(await Promise.all(ofHeaders))];
  await expectGolden('answers/authorizer.json', jsonText(answers));
});
