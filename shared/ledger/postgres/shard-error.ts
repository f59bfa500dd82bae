import pg from 'pg';
import { OdometerError } from '../../errors.ts';

/**
 * What a failure that the server names means for the range that met it. `transient`: the server's, so it is waited for,
 * however long. `refused`: the statement's, a bug: never retried. `suspect`: either, so the range is retried, and halts
 * when it keeps failing while other work succeeds. `load`: the same, but a server under load gives it to any work of some
 * size, so only work of that size proves anything.
 */
export type Blame = 'transient' | 'refused' | 'suspect' | 'load';

/** By class, the first two characters of an SQLSTATE. What is not listed is a bug too. */
export const blameOfClass: Readonly<Record<string, Blame>> = {
  // Connection.
  '08': 'transient',
  // Data, and constraints.
  '22': 'refused',
  '23': 'refused',
  // State of the transaction.
  '25': 'suspect',
  // Rollback: serialization, deadlock.
  '40': 'transient',
  // Syntax, missing objects, privileges; limits of a statement.
  '42': 'refused',
  '54': 'refused',
  // Resources: memory, locks.
  '53': 'load',
  // Objects in use.
  '55': 'suspect',
  // Intervention: statement_timeout.
  '57': 'load',
  // The machine, and the server itself.
  '58': 'suspect',
  XX: 'suspect',
};

/** Of these only the server, or another session, is the cause, whatever their class. */
export const transientStates: ReadonlySet<string> = new Set([
  // Read only, as after a failover; a session that was idle for too long.
  ...['25006', '25P03'],
  // Disk full, too many connections, a lock that somebody holds.
  ...['53100', '53300', '55P03'],
  // Shutdown, crash, start, a dropped database, an idle session.
  ...['57P01', '57P02', '57P03', '57P04', '57P05'],
]);

function blameOf(state: string): Blame {
  if (transientStates.has(state)) return 'transient';
  return blameOfClass[state.slice(0, 2)] ?? 'refused';
}

/** Authorization: no such login, another password, or a database that this client may not enter. */
const refusedClass = '28';
/** In these a COMMIT may have happened although its answer says otherwise, or does not come. */
const outcomeUnknownClasses: ReadonlySet<string> = new Set(['08', '57']);
const statementCompletionUnknown = '40003';
const lockNotAvailable = '55P03';
const deadlockDetected = '40P01';
const uniqueViolation = '23505';

/**
 * The one translation of whatever the driver throws. What is transient or suspect, and everything without an SQLSTATE
 * (sockets, time-outs) is `shard_unavailable`, retryable; a refused login is `credentials_refused`, retryable because secrets
 * are read again; the rest is `shard_refused`: a bug, never retried.
 */
export function toOdometerError(error: unknown): OdometerError {
  if (error instanceof OdometerError) return error;
  const state = sqlState(error);
  const message = error instanceof Error ? error.message : String(error);
  if (state === undefined || blameOf(state) === 'transient') {
    return new OdometerError('shard_unavailable', message, { retryable: true, cause: error });
  }
  const blame = blameOf(state);
  if (blame === 'suspect' || blame === 'load') {
    const suspicion = { name: state, underLoad: blame === 'load' };
    const options = { retryable: true, cause: error, suspicion };
    return new OdometerError('shard_unavailable', `${state}: ${message}`, options);
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
