/**
 * The next range of a partition: consecutive stored segments, or, where Redis has a gap, records read from the
 * log. A hole below a stored segment is read at once; a tail only when it is old, because the consumer may
 * still be at it.
 */

import { failure } from '../../shared/errors.ts';
import type { OffsetRange } from '../../shared/ledger/load.ts';
import { commitEventsMax, gapReadBytesMax, shardCount } from '../../shared/limits.ts';
import type { EventLogReader } from '../../shared/log/event-log.ts';
import { shardOf } from '../../shared/log/routing.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import { foldRecords, recordHashOf } from '../../shared/segments/fold.ts';
import { decodeSegment, type Segment, type SegmentSeal } from '../../shared/segments/segment.ts';
import type { SegmentStore, StoredRange } from '../../shared/segments/segment-store.ts';

export interface NextRangePorts {
  readonly log: EventLogReader;
  readonly segments: SegmentStore;
  readonly seal: SegmentSeal;
  readonly logger: Logger;
}

/** Where to look: `stored` in offset order, `logEnd` of this pass, `oldEnd` below which the tail is old. */
export interface Outlook {
  readonly partition: number;
  readonly next: number;
  readonly stored: readonly StoredRange[];
  readonly logEnd: number;
  readonly oldEnd: number;
}

export type NextRange =
  | { readonly kind: 'range'; readonly range: OffsetRange }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'waits' | 'waits-for-code'; readonly reason: string }
  | { readonly kind: 'halts'; readonly code: string; readonly reason: string };

/**
 * `waits` is for weather: the log did not deliver. `waits-for-code` is for a record that this code does not count:
 * a newer envelope, or one that a bug of ours made.
 *
 * Throws OdometerError `log_unavailable` (retryable). Redis trouble is answered from the log.
 */
export async function nextRange(outlook: Outlook, ports: NextRangePorts): Promise<NextRange> {
  const { partition, next, stored } = outlook;
  const run = consecutive(stored, next);
  const segments = await readSegments(partition, run, ports);
  const last = segments.at(-1)?.meta;
  if (last !== undefined) {
    const delivered = await ports.log.read([{ partition, from: last.to - 1, bytesMax: 1 }]);
    const record = delivered.get(partition)?.[0];
    if (record === undefined)
      return { kind: 'waits', reason: `the record at ${last.to - 1} was not delivered` };
    if (record.offset === last.to - 1 && recordHashOf(record.value) === last.recordHash) {
      return { kind: 'range', range: { partition, from: next, to: last.to, source: 'segments', segments } };
    }
    ports.logger.warn({ partition, from: next, to: last.to }, 'segments are not what the log holds, dropped');
    await dropSegments(partition, run, ports);
  }
  const hole = stored.find((range) => range.from > next);
  const gapEnd = run.length > 0 ? outlook.logEnd : Math.min(hole?.from ?? outlook.oldEnd, outlook.logEnd);
  return gapEnd > next ? rangeFromLog(partition, next, gapEnd, ports) : { kind: 'nothing' };
}

/** Stored ranges that touch from `next` on, up to one commit's events. */
function consecutive(stored: readonly StoredRange[], next: number): readonly StoredRange[] {
  const run: StoredRange[] = [];
  let events = 0;
  let at = next;
  for (const range of stored) {
    if (range.from < at) continue;
    events += range.events;
    if (range.from > at || (run.length > 0 && events > commitEventsMax)) break;
    run.push(range);
    at = range.to;
  }
  return run;
}

/** The run's segments up to the first that is gone or damaged, which is dropped. */
async function readSegments(
  partition: number,
  run: readonly StoredRange[],
  ports: NextRangePorts,
): Promise<readonly Segment[]> {
  if (run.length === 0) return [];
  const segments: Segment[] = [];
  try {
    const stored = await ports.segments.read(
      partition,
      run.map(({ from }) => from),
    );
    for (const [i, range] of run.entries()) {
      const bytes = stored[i] ?? null;
      const segment = bytes === null ? null : decodeSegment(bytes, ports.seal);
      if (segment === null || !isOf(segment, partition, range)) {
        ports.logger.warn({ partition, from: range.from, gone: bytes === null }, 'segment dropped');
        await dropSegments(partition, [range], ports);
        break;
      }
      segments.push(segment);
    }
  } catch (error) {
    ports.logger.warn({ partition, ...failure(error) }, 'segments not readable, the log is');
  }
  return segments;
}

function isOf({ meta }: Segment, partition: number, range: StoredRange): boolean {
  return meta.partition === partition && meta.from === range.from && meta.to === range.to;
}

/** Dropping is best effort: what stays is dropped again. */
async function dropSegments(
  partition: number,
  ranges: readonly StoredRange[],
  ports: NextRangePorts,
): Promise<void> {
  try {
    for (const { from } of ranges) await ports.segments.delete(partition, from);
  } catch (error) {
    ports.logger.warn({ partition, ...failure(error) }, 'segments not dropped');
  }
}

async function rangeFromLog(
  partition: number,
  from: number,
  end: number,
  ports: NextRangePorts,
): Promise<NextRange> {
  const delivered = await ports.log.read([{ partition, from, bytesMax: gapReadBytesMax }]);
  const records = (delivered.get(partition) ?? []).filter(({ offset }) => offset < end);
  const [first] = records;
  if (first === undefined) return { kind: 'waits', reason: `the record at ${from} was not delivered` };
  if (first.offset !== from) {
    const reason = `the log goes on at ${first.offset}, the next offset to commit is ${from}`;
    return { kind: 'halts', code: 'offset_missing', reason };
  }
  const dense = records.findIndex(({ offset }, i) => offset !== from + i);
  const fold = foldRecords(
    dense < 0 ? records : records.slice(0, dense),
    partition,
    shardOf(partition, shardCount),
  );
  const segments = joinable(fold.segments);
  const to = segments.at(-1)?.meta.to;
  if (to !== undefined) return { kind: 'range', range: { partition, from, to, source: 'log', segments } };
  if (fold.stop !== null) return { kind: 'waits-for-code', reason: fold.stop.reason };
  return { kind: 'waits', reason: 'the log delivered nothing to fold' };
}

/** The first segments that fit one commit, at least one. */
function joinable(segments: readonly Segment[]): readonly Segment[] {
  let events = 0;
  const end = segments.findIndex(({ meta }, i) => {
    events += meta.seen;
    return i > 0 && events > commitEventsMax;
  });
  return end < 0 ? segments : segments.slice(0, end);
}
