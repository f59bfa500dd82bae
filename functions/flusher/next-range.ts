/**
 * The next range of a partition: consecutive stored segments, or, where Redis has a gap, records read from the
 * log. A gap below a stored segment is read at once; the tail only when it is old, because the consumer may still
 * be folding it.
 *
 * The log may lose its tail at any moment, and be written past it again (U7). So what a range is made of, and the last
 * committed record below it, must be of one and the same log: records come with it in one answer of the leader; and of
 * segments the last records are asked for first, and the committed one after them. A log loses only tails, so where it
 * still holds the committed record, it held it while it showed the others.
 */

import { EventDays } from '../../shared/events/event-days.ts';
import type { OffsetRange } from '../../shared/ledger/load.ts';
import { commitEventsMax, gapReadBytesMax } from '../../shared/limits.ts';
import type { TopicReader } from '../../shared/log/event-log.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import type { Stopwatch } from '../../shared/runtime/stopwatch.ts';
import { foldRecords } from '../../shared/segments/fold.ts';
import type { Segment } from '../../shared/segments/segment.ts';
import type { StoredRange } from '../../shared/segments/segment-store.ts';
import { type CommittedRecord, checkCommitted, notDelivered, shownRecord } from './check-log.ts';
import type { Fenced, Halts, PartitionStop, Waits } from './partition-stop.ts';
import type { WaitingSegments } from './waiting-segments.ts';

export interface NextRangePorts {
  readonly log: TopicReader;
  readonly segments: WaitingSegments;
  readonly logger: Logger;
  readonly watch: Pick<Stopwatch<'folding'>, 'during'>;
}

/**
 * What is known of a partition: `stored` in offset order, `logEnd` of this pass, `oldEnd` below which the tail is old.
 * `committed` is the record at `next - 1`; null where the log keeps none: then the position is all there is.
 */
export interface Outlook {
  readonly partition: number;
  readonly next: number;
  readonly committed: CommittedRecord | null;
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
  const { partition, next, stored, logEnd, oldEnd } = outlook;
  const run = consecutive(stored, next);
  const read = run.length === 0 ? [] : await ports.segments.read(partition, run);
  const segments = read.length === 0 ? [] : joinable(await asTheLogHolds(read, outlook, ports));
  const to = segments.at(-1)?.meta.to;
  if (to !== undefined) {
    const range = { partition, from: next, to, source: 'segments', segments } as const;
    return (await stopBelow(outlook, ports)) ?? { kind: 'range', range };
  }
  const above = stored.find((range) => range.from > next);
  const gapEnd = run.length > 0 ? logEnd : Math.min(above?.from ?? oldEnd, logEnd);
  return gapEnd > next ? rangeFromLog(outlook, gapEnd, ports) : { kind: 'nothing' };
}

/** Asked after everything else of a range was: why it may not be committed, by the record below it. */
async function stopBelow(
  { partition, committed }: Outlook,
  { log }: NextRangePorts,
): Promise<Waits | Halts | null> {
  if (committed === null) return null;
  const { offset } = committed;
  const [hash = null] = await log.recordHashes(partition, [offset]);
  return checkCommitted(committed, hash === null ? undefined : { offset, hash });
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

/** The records from the next one to below `end`, as far as one read and one commit hold them. */
async function rangeFromLog(
  { partition, next, committed }: Outlook,
  end: number,
  { log, watch }: NextRangePorts,
): Promise<NextRange> {
  const read = { partition, from: committed?.offset ?? next, bytesMax: gapReadBytesMax };
  const delivered = ((await log.read([read])).get(partition) ?? []).filter(({ offset }) => offset < end);
  const stop =
    committed === null ? null : checkCommitted(committed, delivered[0] && shownRecord(delivered[0]));
  if (stop !== null) return stop;
  const records = committed === null ? delivered : delivered.slice(1);
  const [first] = records;
  if (first === undefined) return notDelivered(next);
  if (first.offset !== next) {
    const reason = `the log goes on at ${first.offset}, the next offset to commit is ${next}`;
    return { kind: 'halts', code: 'offset_missing', reason };
  }
  const hole = records.findIndex(({ offset }, i) => offset !== next + i);
  const dense = hole < 0 ? records : records.slice(0, hole);
  const fold = await watch.during('folding', () => foldRecords(dense, partition));
  const segments = joinable(fold.segments);
  const to = segments.at(-1)?.meta.to;
  if (to !== undefined)
    return { kind: 'range', range: { partition, from: next, to, source: 'log', segments } };
  if (fold.stop !== null) return { kind: 'waits-for-code', reason: fold.stop.reason };
  return { kind: 'waits', reason: 'the log delivered nothing to fold' };
}

/** The first segments that fit one commit, by events and by their days, at least one. */
function joinable(segments: readonly Segment[]): readonly Segment[] {
  let events = 0;
  let isAlone = false;
  const days = new EventDays();
  const end = segments.findIndex(({ meta }, i) => {
    events += meta.seen;
    const daysFit = days.take(meta.days.map(({ day }) => day));
    const fits = daysFit && events <= commitEventsMax && !isAlone;
    // One envelope of more days, which older code accepted, is a range of its own.
    isAlone ||= !daysFit;
    return i > 0 && !fits;
  });
  return end < 0 ? segments : segments.slice(0, end);
}
