/** What is said when an import ends early: the reason, and what helps. */
import { RequestFailed } from '../../client/request-failed.ts';
import { Refusal } from '../processes/refusal.ts';

const again = 'what was accepted is not counted twice.';

export function failureText(error: unknown): string {
  const reason = error instanceof Error ? error.message : String(error);
  if (error instanceof Refusal) return reason;
  if (refusedForGood(error)) {
    return `${reason}\nThe import is not complete, and the same request would be refused again. Import the file when that is mended: ${again}`;
  }
  return `${reason}\nThe import is not complete. Run it again: ${again}`;
}

function refusedForGood(error: unknown): boolean {
  if (!(error instanceof RequestFailed) || error.statusCode === null) return false;
  return error.statusCode >= 400 && error.statusCode < 500 && error.statusCode !== 429;
}
