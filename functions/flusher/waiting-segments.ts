import { failure } from '../../shared/errors.ts';
import { segmentRangesMax } from '../../shared/limits.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import type { Stopwatch } from '../../shared/runtime/stopwatch.ts';
import { decodeSegment, type Segment, type SegmentSeal } from '../../shared/segments/segment.ts';
import type { SegmentStore, StoredRange } from '../../shared/segments/segment-store.ts';

export interface WaitingSegmentsPorts {
  readonly segments: SegmentStore;
  readonly seal: SegmentSeal;
  readonly logger: Logger;
  readonly watch: Pick<Stopwatch<'folding'>, 'during'>;
}

interface PartitionNext {
  readonly partition: number;
  readonly nextOffset: number;
}

/**
 * The segments that wait in Redis, as a pass uses them. Redis decides nothing (U6), so no method throws: what cannot
 * be listed or read is read from the log, and what cannot be deleted is deleted by a later pass.
 */
export class WaitingSegments {
  readonly #ports: WaitingSegmentsPorts;

  constructor(ports: WaitingSegmentsPorts) {
    this.#ports = ports;
  }

  /**
   * The stored ranges of each partition in offset order. What starts below the next offset is committed already: it is
   * deleted, and still listed, also when Redis refuses to delete it; no range begins there.
   */
  async list(progress: readonly PartitionNext[]): Promise<ReadonlyMap<number, readonly StoredRange[]>> {
    const { segments, logger } = this.#ports;
    try {
      const partitions = progress.map(({ partition }) => partition);
      const stored = await segments.list(partitions, segmentRangesMax);
      for (const next of progress) {
        const leftovers = stored.get(next.partition)?.some(({ from }) => from < next.nextOffset) ?? false;
        if (leftovers) await this.deleteCommitted(next);
      }
      return stored;
    } catch (error) {
      logger.warn(failure(error), 'segments not listed, the log is read');
      return new Map();
    }
  }

  /** The segments of these ranges, up to the first that is gone or damaged, which is deleted. */
  async read(partition: number, ranges: readonly StoredRange[]): Promise<readonly Segment[]> {
    const { segments: store, seal, logger, watch } = this.#ports;
    const froms = ranges.map(({ from }) => from);
    const segments: Segment[] = [];
    try {
      const stored = await store.read(partition, froms);
      const decode = (bytes: Buffer | null) => (bytes === null ? null : decodeSegment(bytes, seal));
      const decoded = await watch.during('folding', () => stored.map(decode));
      for (const [i, range] of ranges.entries()) {
        const segment = decoded[i] ?? null;
        if (segment === null || !isOf(segment, partition, range)) {
          logger.warn({ partition, from: range.from, gone: (stored[i] ?? null) === null }, 'segment dropped');
          await this.drop(partition, [range]);
          break;
        }
        segments.push(segment);
      }
    } catch (error) {
      logger.warn({ partition, ...failure(error) }, 'segments not read, the log is');
    }
    return segments;
  }

  /** Deletes every segment that starts below `nextOffset`. */
  deleteCommitted(next: PartitionNext): Promise<void> {
    return this.#delete(next.partition, () => this.#ports.segments.deleteBelow(next));
  }

  /** Deletes segments that are damaged, or not what the log holds. */
  drop(partition: number, ranges: readonly StoredRange[]): Promise<void> {
    return this.#delete(partition, async () => {
      for (const { from } of ranges) await this.#ports.segments.delete({ partition, from });
    });
  }

  async #delete(partition: number, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#ports.logger.warn({ partition, ...failure(error) }, 'segments not deleted yet');
    }
  }
}

function isOf({ meta }: Segment, partition: number, range: StoredRange): boolean {
  return meta.partition === partition && meta.from === range.from && meta.to === range.to;
}
