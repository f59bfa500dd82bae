import { ENV_LAMBDA_NAME, ENV_SECRETS_FILE } from '../../contracts/env.ts';
import type { Secrets } from '../secrets.ts';
import { createFileSecrets } from './file-secrets.ts';
import { createManagedSecrets } from './secrets-manager.ts';

/** Where `secret:<name>` is looked up: the file that the environment names, else Secrets Manager on Lambda. */
export function createSecrets(environment: Readonly<Record<string, string | undefined>>): Secrets {
  const file = environment[ENV_SECRETS_FILE];
  const managed = file === undefined && environment[ENV_LAMBDA_NAME] !== undefined;
  return managed ? createManagedSecrets() : createFileSecrets(file);
}
