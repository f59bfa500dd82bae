import pg from 'pg';
import { OdometerError } from '../../errors.ts';

/**
 * SQLSTATE classes of failures of the server or the session, not of our statement: connection
 * (08), transaction state (25), rollback (40), resources (53), object state (55: lock_timeout), operator
 * intervention (57: shutdown, statement_timeout), system (58), internal (XX).
 */
const transientClasses: ReadonlySet<string> = new Set(['08', '25', '40', '53', '55', '57', '58', 'XX']);
/** Authorization: no such login, another password, or a database that this client may not enter. */
const refusedClass = '28';
/** In these a COMMIT may have happened although its answer says otherwise, or does not come. */
const outcomeUnknownClasses: ReadonlySet<string> = new Set(['08', '57']);
const statementCompletionUnknown = '40003';
const lockNotAvailable = '55P03';
const deadlockDetected = '40P01';
const uniqueViolation = '23505';

/**
 * The one translation of whatever the driver throws. What is transient, and everything without an SQLSTATE (sockets,
 * time-outs) is `shard_unavailable`, retryable; a refused login is `credentials_refused`, retryable because secrets
 * are read again; the rest is `shard_refused`: a bug, never retried.
 */
export function toOdometerError(error: unknown): OdometerError {
  if (error instanceof OdometerError) return error;
  const state = sqlState(error);
  const message = error instanceof Error ? error.message : String(error);
  if (state === undefined || transientClasses.has(state.slice(0, 2))) {
    return new OdometerError('shard_unavailable', message, { retryable: true, cause: error });
  }
  if (state.startsWith(refusedClass)) {
    return new OdometerError('credentials_refused', message, { retryable: true, cause: error });
  }
  return new OdometerError('shard_refused', `${state}: ${message}`, { retryable: false, cause: error });
}

/** COMMIT was sent, and this answer does not say whether it happened. */
export function leavesCommitUnknown(error: unknown): boolean {
  const state = sqlState(error);
  if (state === undefined) return true;
  return outcomeUnknownClasses.has(state.slice(0, 2)) || state === statementCompletionUnknown;
}

/** A lock was not given within lock_timeout. */
export function isLockTimeout(error: unknown): boolean {
  return sqlState(error) === lockNotAvailable;
}

/** The same, or a deadlock ended it. */
export function isLockConflict(error: unknown): boolean {
  return isLockTimeout(error) || sqlState(error) === deadlockDetected;
}

/** The unique index of this leaf holds a key of the rows already. */
export function isCountedAlready(error: unknown, leaf: string): boolean {
  return error instanceof pg.DatabaseError && error.code === uniqueViolation && error.table === leaf;
}

function sqlState(error: unknown): string | undefined {
  if (error instanceof OdometerError) return sqlState(error.cause);
  return error instanceof pg.DatabaseError ? error.code : undefined;
}
