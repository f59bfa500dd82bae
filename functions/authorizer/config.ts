import { z } from 'zod';
import {
  ENV_JWT_AUDIENCE,
  ENV_JWT_ISSUER,
  ENV_JWT_JWKS_URL,
  ENV_JWT_SECRET,
  ENV_JWT_SECRET_PREVIOUS,
} from '../../shared/contracts/env.ts';

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
  }));
