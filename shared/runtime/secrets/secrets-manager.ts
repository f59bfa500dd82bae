import {
  GetSecretValueCommand,
  ResourceNotFoundException,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { OdometerError } from '../../errors.ts';
import { secretsTimeoutMs } from '../../limits.ts';
import type { Secrets } from '../secrets.ts';

/** Secrets of AWS Secrets Manager by name; region and endpoint are the function's own. */
export function createManagedSecrets(): Secrets {
  const client = new SecretsManagerClient({
    maxAttempts: 2,
    requestHandler: { connectionTimeout: secretsTimeoutMs, requestTimeout: secretsTimeoutMs },
  });
  return {
    async read(name) {
      try {
        const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: name }));
        if (SecretString !== undefined) return SecretString;
      } catch (error) {
        throw toSecretError(name, error);
      }
      throw new OdometerError('secret_missing', `the secret ${name} is not text`, { retryable: false });
    },
  };
}

function toSecretError(name: string, cause: unknown): OdometerError {
  if (cause instanceof ResourceNotFoundException)
    return new OdometerError('secret_missing', `there is no secret named ${name}`, {
      retryable: false,
      cause,
    });
  // The kind only: the service's message may hold names of roles and keys.
  const kind = cause instanceof Error ? cause.name : typeof cause;
  return new OdometerError('secrets_unavailable', `the secret ${name} cannot be read: ${kind}`, {
    retryable: true,
    cause,
  });
}
