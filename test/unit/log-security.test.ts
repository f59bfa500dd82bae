import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ingestConfig } from '../../functions/ingest/config.ts';
import { iamSecurity } from '../../shared/log/kafka/iam-security.ts';
import { loadConfig } from '../../shared/runtime/config.ts';

const key = Buffer.alloc(32).toString('base64');
const base = { KAFKA_BOOTSTRAP_SERVERS: 'b-1.example:9098', ENCRYPTION_KEY: key, RECEIPT_KEY: key };
const noSecrets = { read: () => Promise.reject(new Error('no secret is read')) };
const placeOf = (environment: Record<string, string>) =>
  loadConfig(ingestConfig, { ...base, ...environment }, noSecrets);

beforeEach(() => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  vi.stubEnv('AWS_SESSION_TOKEN', 'session');
});
afterEach(() => {
  vi.unstubAllEnvs();
});

it('a log is plain text unless it says msk-iam, which needs a region', async () => {
  expect((await placeOf({ AWS_REGION: 'eu-central-1' })).log.iamRegion).toBeUndefined();
  expect((await placeOf({ KAFKA_AUTH: 'msk-iam', AWS_REGION: 'eu-central-1' })).log.iamRegion).toBe(
    'eu-central-1',
  );
  await expect(placeOf({ KAFKA_AUTH: 'msk-iam' })).rejects.toThrow('AWS_REGION: must be set with');
  await expect(placeOf({ KAFKA_AUTH: 'none' })).rejects.toMatchObject({ code: 'config_invalid' });
});

it('without a region there is no security, and so no TLS', () => {
  expect(iamSecurity(undefined)).toBeUndefined();
});

it('a token is a request to connect that the role signed, for the region and a quarter of an hour', async () => {
  const token = await iamSecurity('eu-central-1')?.token();
  const url = new URL(Buffer.from(token ?? '', 'base64url').toString());
  expect(url.host).toBe('kafka.eu-central-1.amazonaws.com');
  expect(url.protocol).toBe('https:');
  expect(Object.fromEntries(url.searchParams)).toMatchObject({
    Action: 'kafka-cluster:Connect',
    'X-Amz-Expires': '900',
    'X-Amz-Security-Token': 'session',
    'X-Amz-Signature': expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  expect(url.searchParams.get('X-Amz-Credential')).toMatch(
    /^AKIDEXAMPLE\/\d{8}\/eu-central-1\/kafka-cluster\//,
  );
});
