/** Why an import ended early, and what helps. */
import { RequestFailed } from '../../client/request-failed.ts';
import { UserError } from '../processes/user-error.ts';

const again = 'what was accepted is not counted twice.';

/** A request that failed as a sentence for the user; anything else as it is. */
export function toImportFailure(cause: unknown): unknown {
  if (!(cause instanceof RequestFailed)) return cause;
  const advice = refusedForGood(cause)
    ? `The import is not complete, and the same request would be refused again. When that is mended, import the file anew: ${again}`
    : `The import is not complete. Run it again: ${again}`;
  return new UserError(`${cause.message}\n${advice}`, { cause });
}

function refusedForGood({ statusCode }: RequestFailed): boolean {
  return statusCode !== null && statusCode >= 400 && statusCode < 500 && statusCode !== 429;
}
