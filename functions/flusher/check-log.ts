/**
 * U7, no silent skip: before a pass commits anything, what the progress row says of the log must hold. The record at
 * next_offset - 1 is compared once more with whatever a range is made of, because the log may change in between.
 *
 *   state            the log                                          verdict
 *   as-committed     has the record at next_offset - 1 as committed   goes on
 *   not-kept         keeps no committed record, and all after them    goes on: the position is all there is
 *   rewritten        has another record there                         halts: truncated and written past again
 *   start-ahead      starts above next_offset                         halts: records were removed uncounted
 *   end-behind       ends below next_offset                           waits: metadata may be stale
 *   end-behind-long  ends below next_offset for 60 s                  halts
 *   not-delivered    has that record and did not deliver it           waits
 *   missing          has no such partition, or it has no leader       waits
 */

import type { Progress } from '../../shared/ledger/shard-ledger.ts';
import { logEndBehindMs } from '../../shared/limits.ts';
import { recordHashOf } from '../../shared/log/envelope.ts';
import type { LogBounds, LogRecord } from '../../shared/log/event-log.ts';
import type { MonotonicMs } from '../../shared/runtime/clock.ts';
import type { Halts, Waits } from './partition-stop.ts';

export type LogState =
  | 'as-committed'
  | 'not-kept'
  | 'rewritten'
  | 'start-ahead'
  | 'end-behind'
  | 'end-behind-long'
  | 'not-delivered'
  | 'missing';

/** What a pass knows of a partition's log. */
export interface LogLook {
  readonly progress: Pick<Progress, 'nextOffset' | 'recordHash'>;
  readonly bounds: LogBounds | undefined;
  /** What the log delivered where the committed record is. */
  readonly lastCommitted: LogRecord | undefined;
  /** Since when the log's end has been below `next_offset`. */
  readonly behindSinceMs: MonotonicMs | null;
  readonly atMs: MonotonicMs;
}

/** The record below the next offset, as it was committed. */
export interface CommittedRecord {
  readonly offset: number;
  /** SHA-256. */
  readonly recordHash: Buffer;
}

/** null: the log does not hold it any more, or nothing was committed. Then the position is all there is. */
export function committedRecord(
  { nextOffset, recordHash }: LogLook['progress'],
  { start }: Pick<LogBounds, 'start'>,
): CommittedRecord | null {
  const offset = nextOffset - 1;
  return recordHash !== null && offset >= start ? { offset, recordHash } : null;
}

/** Why the partition must not go on; null where its log is what its progress says. */
export function checkLog(look: LogLook): Waits | Halts | null {
  const { progress, bounds } = look;
  const { nextOffset } = progress;
  const state = stateOf(look);
  switch (state) {
    case 'as-committed':
    case 'not-kept':
      return null;
    case 'rewritten':
      return rewritten(nextOffset);
    case 'start-ahead': {
      const reason = `the log starts at ${bounds?.start}, the next offset to commit is ${nextOffset}`;
      return { kind: 'halts', code: 'log_start_ahead', reason };
    }
    case 'end-behind':
    case 'end-behind-long': {
      const reason = `the log ends at ${bounds?.end}, the next offset to commit is ${nextOffset}`;
      return state === 'end-behind'
        ? { kind: 'waits', reason }
        : { kind: 'halts', code: 'log_end_behind', reason };
    }
    case 'not-delivered':
      return notDelivered(nextOffset - 1);
    case 'missing':
      return { kind: 'waits', reason: 'the log has no such partition' };
  }
}

/** What the log shows where that record is asked for: it, or the next one that there is. */
export interface ShownRecord {
  readonly offset: number;
  /** SHA-256, in hex. */
  readonly hash: string;
}

/** Why no range above it may be committed; null where the log holds it. */
export function checkCommitted(
  { offset, recordHash }: CommittedRecord,
  shown: ShownRecord | undefined,
): Waits | Halts | null {
  if (shown === undefined) return notDelivered(offset);
  const same = shown.offset === offset && shown.hash === recordHash.toString('hex');
  return same ? null : rewritten(offset + 1);
}

export function notDelivered(offset: number): Waits {
  return { kind: 'waits', reason: `the record at ${offset} was not delivered` };
}

function rewritten(nextOffset: number): Halts {
  const reason = `the record at ${nextOffset - 1} is not the one that was committed`;
  return { kind: 'halts', code: 'log_rewritten', reason };
}

function stateOf({ progress, bounds, lastCommitted, behindSinceMs, atMs }: LogLook): LogState {
  const { nextOffset } = progress;
  if (bounds === undefined) return 'missing';
  if (bounds.start > nextOffset) return 'start-ahead';
  if (bounds.end < nextOffset) {
    const long = behindSinceMs !== null && atMs - behindSinceMs >= logEndBehindMs;
    return long ? 'end-behind-long' : 'end-behind';
  }
  const committed = committedRecord(progress, bounds);
  if (committed === null) return 'not-kept';
  if (lastCommitted === undefined) return 'not-delivered';
  return checkCommitted(committed, shownRecord(lastCommitted)) === null ? 'as-committed' : 'rewritten';
}

export function shownRecord({ offset, value }: LogRecord): ShownRecord {
  return { offset, hash: recordHashOf(value) };
}
