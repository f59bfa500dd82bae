import { OdometerError } from '../../errors.ts';

/** Kafka did not do it, or not in time: transient, to be tried again. */
export function logUnavailable(message: string, cause?: unknown): OdometerError {
  return new OdometerError('log_unavailable', message, { retryable: true, cause });
}

/** Our errors as they are, everything the Kafka clients throw as `log_unavailable`. */
export function toLogError(message: string, error: unknown): OdometerError {
  return error instanceof OdometerError ? error : logUnavailable(message, error);
}
