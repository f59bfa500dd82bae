/** Stable codes of everything that can go wrong below the HTTP edge. */
export type ErrorCode =
  | 'log_unavailable'
  | 'offset_out_of_range'
  | 'segments_unavailable'
  | 'segments_evictable'
  | 'shard_unavailable'
  | 'shard_refused'
  | 'wrong_shard'
  | 'credentials_refused'
  | 'secret_missing'
  | 'secrets_unavailable'
  | 'token_keys_unavailable'
  | 'config_invalid'
  | 'overloaded'
  | 'invariant_broken';

/** A retryable failure that may be the fault of the work itself. */
export interface Suspicion {
  /** What the server calls it. */
  readonly name: string;
  /** Whether a server under load gives it to any work of some size: time-outs, memory. */
  readonly underLoad: boolean;
}

/** The one error of this code base: adapters translate driver errors into it at their edge. */
export class OdometerError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  /**
   * Where the work itself may be at fault: when the same work meets it again and again, and other work does not, its
   * retries end. Absent where only the server can be at fault.
   */
  declare readonly suspicion?: Suspicion;

  constructor(
    code: ErrorCode,
    message: string,
    options: { retryable: boolean; cause?: unknown; suspicion?: Suspicion },
  ) {
    super(message, { cause: options.cause });
    this.name = 'OdometerError';
    this.code = code;
    this.retryable = options.retryable;
    if (options.suspicion !== undefined) this.suspicion = options.suspicion;
  }
}

/** Throws `invariant_broken` unless the assumption holds: a bug, never a transient failure. */
export function invariant(holds: boolean, message: string): asserts holds {
  if (!holds) throw new OdometerError('invariant_broken', message, { retryable: false });
}

/**
 * Whether the error ends by itself, so that the same work is tried again later. An offset that retention removed while
 * it was read is one of them: the next look at the log finds its new start.
 */
export function isTransient(error: unknown): boolean {
  return error instanceof OdometerError && (error.retryable || error.code === 'offset_out_of_range');
}

/** The fields by which a log line reports an error: message, stack and causes under `err`, and the code if it is ours. */
export function failure(error: unknown): { readonly err: unknown; readonly code?: ErrorCode } {
  return error instanceof OdometerError ? { err: error, code: error.code } : { err: error };
}
