import type { RejectedEvent } from './bodies.ts';

/** Problem details as far as the client reads them. */
export interface ProblemBody {
  readonly code?: string;
  readonly title?: string;
  readonly detail?: string;
  readonly errors?: readonly Partial<RejectedEvent>[];
}

/** A request that was refused, or not answered often enough. */
export class RequestFailed extends Error {
  /** null: there was no answer. */
  readonly statusCode: number | null;
  readonly problem: ProblemBody;

  constructor(
    message: string,
    options: { readonly statusCode?: number; readonly problem?: ProblemBody; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'RequestFailed';
    this.statusCode = options.statusCode ?? null;
    this.problem = options.problem ?? {};
  }
}

/** The events' own errors, where every event of the batch was refused for itself; null for any other failure. */
export function rejectedFrom(failure: RequestFailed, events: number): readonly RejectedEvent[] | null {
  const rejected: RejectedEvent[] = [];
  for (const { index, code, field, message } of failure.problem.errors ?? []) {
    if (index === undefined || code === undefined) return null;
    rejected.push({ index, code, field: field ?? '', message: message ?? '' });
  }
  return rejected.length === events ? rejected : null;
}
