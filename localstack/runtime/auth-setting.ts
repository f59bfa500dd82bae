import { z } from 'zod';
import { ENV_AUTH } from '../../shared/contracts/env.ts';
import type { Environment } from '../../shared/runtime/config.ts';
import { UserError } from '../processes/user-error.ts';

/** One word or nothing: a word that nobody understands must not leave the door open. */
export const authSetting = z.enum(['required']).optional();

/** Whether every request needs a token. Throws a UserError for a word that is not known. */
export function tokenRequiredOf(environment: Environment): boolean {
  const parsed = authSetting.safeParse(environment[ENV_AUTH]);
  if (parsed.success) return parsed.data === 'required';
  throw new UserError(`${ENV_AUTH} must be required or not set.`);
}
