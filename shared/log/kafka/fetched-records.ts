import { invariant } from '../../errors.ts';
import type { LogRecord } from '../event-log.ts';

/** A batch as the Kafka client decodes it. */
export interface FetchedBatch {
  readonly firstOffset: bigint;
  readonly attributes: number;
  readonly records: readonly { readonly offsetDelta: number; readonly value: Buffer | null }[];
}

const controlBatch = 0x20;
const noBytes = Buffer.alloc(0);

/**
 * The records at or above `from`: a fetch answers whole batches, so the first may start below it. The list
 * ends before a gap; where `from` itself is missing, it starts behind the gap. Offsets that do not rise are
 * not Kafka's doing: throws `invariant_broken`.
 */
export function fromKafkaBatches(batches: readonly FetchedBatch[], from: number): LogRecord[] {
  const records: LogRecord[] = [];
  let previous = -1;
  for (const batch of batches) {
    // Markers of transactions are no records of ours; their offsets are a gap that the caller sees (U7).
    if ((batch.attributes & controlBatch) !== 0) continue;
    const first = Number(batch.firstOffset);
    for (const { offsetDelta, value } of batch.records) {
      const offset = first + offsetDelta;
      invariant(Number.isSafeInteger(offset) && offset > previous, `offset ${offset} follows ${previous}`);
      const gap = records.length > 0 && offset !== previous + 1;
      if (gap) return records;
      previous = offset;
      if (offset >= from) records.push({ offset, value: value ?? noBytes });
    }
  }
  return records;
}
