/**
 * The next range of a partition: consecutive stored segments, or, where Redis has a gap, records read from the
 * log. A gap below a stored segment is read at once; the tail only when it is old, because the consumer may still
 * be folding it.
 */

import type { OffsetRange } from '../../shared/ledger/load.ts';
import { commitEventsMax, gapReadBytesMax } from '../../shared/limits.ts';
import type { EventLogReader } from '../../shared/log/event-log.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import type { Stopwatch } from '../../shared/runtime/stopwatch.ts';
import { foldRecords } from '../../shared/segments/fold.ts';
import type { Segment } from '../../shared/segments/segment.ts';
import type { StoredRange } from '../../shared/segments/segment-store.ts';
import type { Fenced, PartitionStop } from './partition-stop.ts';
import type { WaitingSegments } from './waiting-segments.ts';

export interface NextRangePorts {
  readonly log: Pick<EventLogReader, 'read' | 'recordHashes'>;
  readonly segments: WaitingSegments;
  readonly logger: Logger;
  readonly watch: Pick<Stopwatch<'folding'>, 'during'>;
}

/** What is known of a partition: `stored` in offset order, `logEnd` of this pass, `oldEnd` below which the tail is old. */
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
  | Exclude<PartitionStop, Fenced>;

/** Throws OdometerError `log_unavailable` (retryable). Redis trouble is answered from the log. */
export async function nextRange(outlook: Outlook, ports: NextRangePorts): Promise<NextRange> {
  const { partition, next, stored } = outlook;
  const run = consecutive(stored, next);
  const read = run.length === 0 ? [] : await ports.segments.read(partition, run);
  const segments = read.length === 0 ? [] : await asTheLogHolds(read, outlook, ports);
  const to = segments.at(-1)?.meta.to;
  if (to !== undefined) {
    return { kind: 'range', range: { partition, from: next, to, source: 'segments', segments } };
  }
  const above = stored.find((range) => range.from > next);
  const gapEnd = run.length > 0 ? outlook.logEnd : Math.min(above?.from ?? outlook.oldEnd, outlook.logEnd);
  return gapEnd > next ? rangeFromLog({ partition, from: next, end: gapEnd }, ports) : { kind: 'nothing' };
}

/**
 * The segments up to the first that is not what the log holds. Each is compared by its own last record: a log loses
 * only tails, so a segment whose last record is still there was made of records that are. What the log has replaced is
 * dropped with all that is stored above it; what it does not hold (yet) is left, and its records are read from the log.
 */
async function asTheLogHolds(
  segments: readonly Segment[],
  { partition, stored }: Outlook,
  { log, logger, segments: waiting }: NextRangePorts,
): Promise<readonly Segment[]> {
  const hashes = await log.recordHashes(
    partition,
    segments.map(({ meta }) => meta.to - 1),
  );
  const end = segments.findIndex(({ meta }, i) => hashes[i] !== meta.recordHash);
  const other = segments[end]?.meta;
  if (other === undefined) return segments;
  if (hashes[end] !== null) {
    const { from, to } = other;
    logger.warn({ partition, from, to }, 'segment is not what the log holds, dropped with those above it');
    await waiting.drop(
      partition,
      stored.filter((range) => range.from >= from),
    );
  }
  return segments.slice(0, end);
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

/** The records `from <= offset < end` of the gap, as far as one read and one commit hold them. */
async function rangeFromLog(
  gap: { readonly partition: number; readonly from: number; readonly end: number },
  { log, watch }: NextRangePorts,
): Promise<NextRange> {
  const { partition, from, end } = gap;
  const delivered = await log.read([{ partition, from, bytesMax: gapReadBytesMax }]);
  const records = (delivered.get(partition) ?? []).filter(({ offset }) => offset < end);
  const [first] = records;
  if (first === undefined) return notDelivered(from);
  if (first.offset !== from) {
    const reason = `the log goes on at ${first.offset}, the next offset to commit is ${from}`;
    return { kind: 'halts', code: 'offset_missing', reason };
  }
  const hole = records.findIndex(({ offset }, i) => offset !== from + i);
  const dense = hole < 0 ? records : records.slice(0, hole);
  const fold = await watch.during('folding', () => foldRecords(dense, partition));
  const segments = joinable(fold.segments);
  const to = segments.at(-1)?.meta.to;
  if (to !== undefined) return { kind: 'range', range: { partition, from, to, source: 'log', segments } };
  if (fold.stop !== null) return { kind: 'waits-for-code', reason: fold.stop.reason };
  return { kind: 'waits', reason: 'the log delivered nothing to fold' };
}

function notDelivered(offset: number): NextRange {
  return { kind: 'waits', reason: `the record at ${offset} was not delivered` };
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
