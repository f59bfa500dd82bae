import { readFile } from 'node:fs/promises';
import { OdometerError } from '../../errors.ts';
import type { Secrets } from '../secrets.ts';

/** Secrets from a JSON file `{name: value}`; without a path every name is missing. */
export function createFileSecrets(path: string | undefined): Secrets {
  return {
    async read(name) {
      const value = path === undefined ? undefined : (JSON.parse(await readFile(path, 'utf8')) as unknown);
      const secret: unknown =
        typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
      if (typeof secret === 'string') return secret;
      throw new OdometerError('secret_missing', `there is no secret named ${name}`, { retryable: false });
    },
  };
}
