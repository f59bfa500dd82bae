import { failure } from '../../shared/errors.ts';
import { segmentBytesMax, slowBatchMs } from '../../shared/limits.ts';
import type { Clock } from '../../shared/runtime/clock.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import type { Metrics } from '../../shared/runtime/metrics.ts';
import { Stopwatch } from '../../shared/runtime/stopwatch.ts';
import { foldRecords } from '../../shared/segments/fold.ts';
import { encodeSegment, type Segment, type SegmentSeal } from '../../shared/segments/segment.ts';
import type { AppendedRange, SegmentStore } from '../../shared/segments/segment-store.ts';
import type { PartitionBatch } from './from-msk-event.ts';

export interface StoreSegmentsPorts {
  readonly segments: SegmentStore;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Pick<Clock, 'monotonic'>;
}

/** A partition that waits: its records from this offset on are delivered again. */
export interface WaitingPartition {
  readonly itemPartition: string;
  readonly offset: number;
}

/** What became of one partition's records. */
interface FoldedPartition {
  readonly segments: readonly SealedSegment[];
  readonly waiting: WaitingPartition | null;
}

interface SealedSegment {
  readonly partition: number;
  readonly range: AppendedRange;
  readonly bytes: Buffer;
}

/**
 * Folds the records of every partition, then stores the segments of all partitions at once: folding keeps the process
 * busy, and an append that waited for it would seem late. Redis trouble is no failure: the flusher reads the log (U6),
 * so the batch still succeeds.
 */
export async function storeSegments(
  batches: readonly PartitionBatch[],
  seal: SegmentSeal,
  ports: StoreSegmentsPorts,
): Promise<readonly WaitingPartition[]> {
  const watch = new Stopwatch<'folding' | 'storing'>(ports.clock);
  const folded = await watch.during('folding', () =>
    batches.map((batch) => foldPartition(batch, seal, ports)),
  );
  const counts = await watch.during('storing', () =>
    Promise.all(folded.map(({ segments }) => storeInOrder(segments, ports))),
  );
  const stored = counts.reduce((sum, count) => sum + count.stored, 0);
  const replaced = counts.reduce((sum, count) => sum + count.replaced, 0);
  const made = folded.reduce((sum, { segments }) => sum + segments.length, 0);
  const [foldMs, storeMs] = [watch.spentMs('folding'), watch.spentMs('storing')];
  const batch = { ...sizeOf(batches), stored, replaced, dropped: made - stored, foldMs, storeMs };
  ports.metrics.batchStored(batch);
  if (foldMs + storeMs > slowBatchMs) ports.logger.warn(batch, 'slow batch');
  return folded.flatMap(({ waiting }) => waiting ?? []);
}

function sizeOf(batches: readonly PartitionBatch[]): { readonly records: number; readonly bytes: number } {
  const records = batches.flatMap((batch) => batch.records);
  return { records: records.length, bytes: records.reduce((sum, { value }) => sum + value.length, 0) };
}

function foldPartition(
  { partition, itemPartition, records }: PartitionBatch,
  seal: SegmentSeal,
  { logger }: StoreSegmentsPorts,
): FoldedPartition {
  const { segments, stop } = foldRecords(records, partition);
  if (stop !== null) logger.error({ partition, ...stop }, 'partition waits');
  return {
    segments: segments.map((segment) => sealSegment(segment, seal)),
    waiting: stop && { itemPartition, offset: stop.offset },
  };
}

function sealSegment(segment: Segment, seal: SegmentSeal): SealedSegment {
  const { partition, from, to, recordHash } = segment.meta;
  const events = segment.days.reduce((sum, day) => sum + day.count, 0);
  return { partition, range: { from, to, events, recordHash }, bytes: encodeSegment(segment, seal) };
}

/** What became of a partition's segments; `replaced` ones are among those stored. */
interface StoredCount {
  readonly stored: number;
  readonly replaced: number;
}

/**
 * Stores one partition's segments up to the first that is not taken: the flusher reads a gap at once. One that replaces
 * another was delivered in other batches before, or the log has lost what the other was made of.
 */
async function storeInOrder(
  segments: readonly SealedSegment[],
  { segments: store, logger }: StoreSegmentsPorts,
): Promise<StoredCount> {
  let stored = 0;
  let replaced = 0;
  for (const { partition, range, bytes } of segments) {
    try {
      const tooLarge = bytes.length > segmentBytesMax;
      const outcome = tooLarge ? 'too large' : await store.append(partition, range, bytes);
      if (outcome === 'full' || outcome === 'too large') {
        logger.warn({ partition, ...range, outcome }, 'segment left to the log');
        break;
      }
      stored += 1;
      if (outcome !== 'replaced') continue;
      replaced += 1;
      logger.warn({ partition, ...range }, 'segment replaced what was stored for its records');
    } catch (error) {
      logger.warn({ partition, ...range, ...failure(error) }, 'segment left to the log');
      break;
    }
  }
  return { stored, replaced };
}
