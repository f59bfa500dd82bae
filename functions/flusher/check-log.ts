/**
 * U7, no silent skip: before a pass commits anything, what the progress row says of the log must hold.
 *
 *   log                                              verdict
 *   record at next_offset - 1 as it was committed    goes on
 *   that record removed by retention, rest in place  goes on: position is all there is
 *   other content at next_offset - 1                 halts: truncated and written past again
 *   log start above next_offset                      halts: records were removed before they were counted
 *   log end below next_offset, for 60 s              halts; before that it waits: metadata may be stale
 *   partition not in the log                         waits
 */

import type { Progress } from '../../shared/ledger/shard-ledger.ts';
import { logEndBehindMs } from '../../shared/limits.ts';
import type { LogBounds, LogRecord } from '../../shared/log/event-log.ts';
import { recordHashOf } from '../../shared/segments/fold.ts';

export type LogVerdict =
  | { readonly kind: 'goes-on' }
  | { readonly kind: 'waits'; readonly reason: string }
  | { readonly kind: 'halts'; readonly code: string; readonly reason: string };

/** The offset of the last committed record if the log still holds it, else null. */
export function headOffset(progress: Progress, bounds: LogBounds | undefined): number | null {
  const head = progress.nextOffset - 1;
  if (progress.recordHash === null || bounds === undefined) return null;
  return head >= bounds.start && head < bounds.end ? head : null;
}

/** `behindSinceMs`: since when the log's end has been below `next_offset`. */
export function checkLog(
  progress: Progress,
  bounds: LogBounds | undefined,
  head: LogRecord | undefined,
  behindSinceMs: number | null,
  nowMs: number,
): LogVerdict {
  const { nextOffset } = progress;
  if (bounds === undefined) return { kind: 'waits', reason: 'the log has no such partition' };
  if (bounds.start > nextOffset) {
    const reason = `the log starts at ${bounds.start}, the next offset to commit is ${nextOffset}`;
    return { kind: 'halts', code: 'log_start_ahead', reason };
  }
  if (bounds.end < nextOffset) {
    const reason = `the log ends at ${bounds.end}, the next offset to commit is ${nextOffset}`;
    const long = behindSinceMs !== null && nowMs - behindSinceMs >= logEndBehindMs;
    return long ? { kind: 'halts', code: 'log_end_behind', reason } : { kind: 'waits', reason };
  }
  if (headOffset(progress, bounds) === null) return { kind: 'goes-on' };
  if (head === undefined)
    return { kind: 'waits', reason: `the record at ${nextOffset - 1} was not delivered` };
  if (head.offset === nextOffset - 1 && recordHashOf(head.value) === progress.recordHash?.toString('hex')) {
    return { kind: 'goes-on' };
  }
  const reason = `the record at ${nextOffset - 1} is not the one that was committed`;
  return { kind: 'halts', code: 'log_rewritten', reason };
}
