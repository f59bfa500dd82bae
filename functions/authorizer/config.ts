import { z } from 'zod';
import { keyEnvironments } from '../../shared/callers/api-key.ts';
import {
  ENV_API_KEY_HASH_SECRET,
  ENV_CREDENTIALS_FUNCTION,
  ENV_JWT_AUDIENCE,
  ENV_JWT_ISSUER,
  ENV_JWT_JWKS_URL,
  ENV_JWT_SECRET,
  ENV_JWT_SECRET_PREVIOUS,
  ENV_SHARD_AUTHORIZER_URLS,
  ENV_STAGE,
} from '../../shared/contracts/env.ts';
import { shardUrlsValue } from '../../shared/ledger/shards-config.ts';
import { keyValue } from '../../shared/runtime/config.ts';

/** A key of HS256 is at least as long as its hash (RFC 7518, 3.2). */
const secretBytesMin = 32;

const secretValue = z
  .string()
  .transform((text) => Buffer.from(text, 'utf8'))
  .refine((secret) => secret.length >= secretBytesMin, `must be at least ${secretBytesMin} bytes`);

/** What the authorizer reads from the environment. */
export const authorizerConfig = z
  .object({
    [ENV_JWT_SECRET]: secretValue.optional(),
    [ENV_JWT_SECRET_PREVIOUS]: secretValue.optional(),
    [ENV_JWT_JWKS_URL]: z.url({ protocol: /^https$/ }).optional(),
    [ENV_JWT_ISSUER]: z.string(),
    [ENV_JWT_AUDIENCE]: z.string(),
    [ENV_API_KEY_HASH_SECRET]: keyValue,
    /** Keys of another installation are refused. */
    [ENV_STAGE]: z.enum(keyEnvironments).default('local'),
    [ENV_CREDENTIALS_FUNCTION]: z.string().optional(),
    [ENV_SHARD_AUTHORIZER_URLS]: shardUrlsValue.optional(),
  })
  .refine((values) => values[ENV_CREDENTIALS_FUNCTION] ?? values[ENV_SHARD_AUTHORIZER_URLS], {
    path: [ENV_SHARD_AUTHORIZER_URLS],
    message: `or ${ENV_CREDENTIALS_FUNCTION} must be set`,
  })
  .refine((values) => values[ENV_JWT_SECRET] ?? values[ENV_JWT_JWKS_URL], {
    path: [ENV_JWT_SECRET],
    message: `or ${ENV_JWT_JWKS_URL} must be set`,
  })
  .transform((values) => ({
    secret: values[ENV_JWT_SECRET],
    previousSecret: values[ENV_JWT_SECRET_PREVIOUS],
    jwksUrl: values[ENV_JWT_JWKS_URL] === undefined ? undefined : new URL(values[ENV_JWT_JWKS_URL]),
    issuer: values[ENV_JWT_ISSUER],
    audience: values[ENV_JWT_AUDIENCE],
    hashSecret: values[ENV_API_KEY_HASH_SECRET],
    environment: values[ENV_STAGE],
    /** Where keys are asked for: a function where the shards cannot be reached, else the shards themselves. */
    credentialsFunction: values[ENV_CREDENTIALS_FUNCTION],
    shardUrls: values[ENV_SHARD_AUTHORIZER_URLS] ?? [],
  }));

export type AuthorizerConfig = Readonly<z.output<typeof authorizerConfig>>;
