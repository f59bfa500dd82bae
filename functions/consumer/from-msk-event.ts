import type { MSKEvent } from 'aws-lambda';
import { invariant } from '../../shared/errors.ts';

/** One partition's records of an invocation, in offset order. */
export interface PartitionBatch {
  readonly partition: number;
  /** Names the partition in `batchItemFailures`: `<topic>-<partition>`. */
  readonly itemPartition: string;
  readonly records: readonly { readonly offset: number; readonly value: Buffer }[];
}

/** The event of an MSK event source mapping: records keyed by `<topic>-<partition>`, values in base64. */
export function fromMskEvent(event: MSKEvent): readonly PartitionBatch[] {
  return Object.entries(event.records).map(([itemPartition, records]) => {
    const [first] = records;
    invariant(first !== undefined, `the event holds no record for ${itemPartition}`);
    return {
      partition: first.partition,
      itemPartition,
      // A record without a value (a tombstone of a foreign producer) arrives without `value`.
      records: records.map(({ offset, value }) => ({ offset, value: Buffer.from(value ?? '', 'base64') })),
    };
  });
}

/** What an event source mapping with ReportBatchItemFailures reads: each partition is retried from its offset. */
export interface KafkaBatchResponse {
  readonly batchItemFailures: readonly {
    readonly itemIdentifier: { readonly partition: string; readonly offset: number };
  }[];
}

/** The answer: which partitions wait, and where; an empty list means that all succeeded. */
export function toBatchResponse(
  waiting: readonly { readonly itemPartition: string; readonly offset: number }[],
): KafkaBatchResponse {
  return {
    batchItemFailures: waiting.map(({ itemPartition, offset }) => ({
      itemIdentifier: { partition: itemPartition, offset },
    })),
  };
}
