import { foldRecords } from '../../shared/domain/fold.ts';
import { segmentBytesMax, shardCount } from '../../shared/domain/limits.ts';
import { shardOf } from '../../shared/domain/routing.ts';
import { encodeSegment, type Segment, type SegmentSeal } from '../../shared/domain/segment.ts';
import type { Logger } from '../../shared/ports/logger.ts';
import type { SegmentStore } from '../../shared/ports/segment-store.ts';
import type { PartitionBatch } from './from-msk-event.ts';

export interface StoreSegmentsPorts {
  readonly segments: SegmentStore;
  readonly logger: Logger;
}

/**
 * Folds one partition's records and stores the segments. Returns the offset at which the partition must wait,
 * or null. Redis trouble is not a failure: the flusher reads the log (U6), so the batch still succeeds.
 */
export async function storeSegments(
  batch: PartitionBatch,
  seal: SegmentSeal,
  ports: StoreSegmentsPorts,
): Promise<number | null> {
  const { partition } = batch;
  const fold = foldRecords(batch.records, partition, shardOf(partition, shardCount));
  for (const segment of fold.segments) {
    const stored = await storeSegment(segment, seal, ports);
    if (!stored) break;
  }
  if (fold.stop === null) return null;
  ports.logger.error({ partition, ...fold.stop }, 'partition waits');
  return fold.stop.offset;
}

async function storeSegment(
  segment: Segment,
  seal: SegmentSeal,
  ports: StoreSegmentsPorts,
): Promise<boolean> {
  const { partition, from, to } = segment.meta;
  const events = segment.days.reduce((sum, day) => sum + day.count, 0);
  const bytes = encodeSegment(segment, seal);
  if (bytes.length > segmentBytesMax) {
    ports.logger.warn({ partition, from, to, bytes: bytes.length }, 'segment too large, left to the log');
    return false;
  }
  try {
    const outcome = await ports.segments.append(partition, { from, to, events }, bytes);
    if (outcome === 'full') ports.logger.warn({ partition, from, to }, 'segments full, left to the log');
    return outcome !== 'full';
  } catch (error) {
    ports.logger.warn({ partition, from, to, err: error }, 'segment not stored, left to the log');
    return false;
  }
}
