import { z } from 'zod';
import { OdometerError } from '../errors.ts';
import type { Secrets } from './secrets.ts';

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

const secretPrefix = 'secret:';

/**
 * One frozen configuration object from environment values, any of which may be `secret:<name>`.
 * Throws `config_invalid` with every problem at once; the values themselves are not repeated.
 */
export async function loadConfig<Schema extends z.ZodType>(
  schema: Schema,
  environment: Environment,
  secrets: Secrets,
): Promise<Readonly<z.output<Schema>>> {
  const values: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined || value === '') continue;
    values[name] = value.startsWith(secretPrefix)
      ? await secrets.read(value.slice(secretPrefix.length))
      : value;
  }
  const parsed = schema.safeParse(values);
  if (parsed.success) return Object.freeze(parsed.data);
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new OdometerError('config_invalid', `the environment is not usable:\n  ${problems.join('\n  ')}`, {
    retryable: false,
  });
}

/** A comma-separated list. */
export const listValue = z.string().transform((text) => text.split(',').map((item) => item.trim()));

/** 32 bytes as base64. */
export const keyValue = z
  .string()
  .transform((text) => Buffer.from(text, 'base64'))
  .refine((key) => key.length === 32, 'must be 32 bytes as base64');
