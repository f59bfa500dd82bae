import { segmentBytesMax } from '../../shared/limits.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import type { Metrics } from '../../shared/runtime/metrics.ts';
import { foldRecords } from '../../shared/segments/fold.ts';
import { encodeSegment, type Segment, type SegmentSeal } from '../../shared/segments/segment.ts';
import type { SegmentStore, StoredRange } from '../../shared/segments/segment-store.ts';
import type { PartitionBatch } from './from-msk-event.ts';

export interface StoreSegmentsPorts {
  readonly segments: SegmentStore;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Where a partition must wait: its records from this offset on are delivered again. */
export interface Wait {
  readonly itemPartition: string;
  readonly offset: number;
}

interface Sealed {
  readonly partition: number;
  readonly range: StoredRange;
  readonly bytes: Buffer;
}

/**
 * Folds the records of every partition, then stores the segments of all partitions at once: folding keeps the
 * process busy, and an append that waited for it would seem late. Redis trouble is not a failure: the flusher
 * reads the log (U6), so the batch still succeeds.
 */
export async function storeSegments(
  batches: readonly PartitionBatch[],
  seal: SegmentSeal,
  ports: StoreSegmentsPorts,
): Promise<readonly Wait[]> {
  const waits: Wait[] = [];
  const folded = batches.map(({ partition, itemPartition, records }) => {
    const { segments, stop } = foldRecords(records, partition);
    if (stop !== null) {
      ports.logger.error({ partition, ...stop }, 'partition waits');
      waits.push({ itemPartition, offset: stop.offset });
    }
    return segments.map((segment) => sealSegment(segment, seal));
  });
  const counts = await Promise.all(folded.map((segments) => storeInOrder(segments, ports)));
  const stored = counts.reduce((sum, count) => sum + count, 0);
  const made = folded.reduce((sum, segments) => sum + segments.length, 0);
  ports.metrics.segmentsStored({ stored, dropped: made - stored });
  return waits;
}

function sealSegment(segment: Segment, seal: SegmentSeal): Sealed {
  const { partition, from, to } = segment.meta;
  const events = segment.days.reduce((sum, day) => sum + day.count, 0);
  return { partition, range: { from, to, events }, bytes: encodeSegment(segment, seal) };
}

/** How many of one partition's segments are stored, up to the first that is not: a hole is read at once. */
async function storeInOrder(
  segments: readonly Sealed[],
  { segments: store, logger }: StoreSegmentsPorts,
): Promise<number> {
  let stored = 0;
  for (const { partition, range, bytes } of segments) {
    try {
      const tooLarge = bytes.length > segmentBytesMax;
      const outcome = tooLarge ? 'too large' : await store.append(partition, range, bytes);
      if (outcome === 'stored' || outcome === 'overlap') {
        stored += 1;
        continue;
      }
      logger.warn({ partition, ...range, outcome }, 'segment left to the log');
    } catch (error) {
      logger.warn({ partition, ...range, err: error }, 'segment left to the log');
    }
    break;
  }
  return stored;
}
