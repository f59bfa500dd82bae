/**
 * The body of an envelope of version 2: a tuple for each event, as `row-tuple.ts` lays it out, with all that ingest
 * knows. That is everything but the offset, which is zero. Whoever folds the record checks the tuples, copies them and
 * writes the offset into the copies.
 */
import { dayOf } from '../events/calendar.ts';
import { keyHash } from '../events/identity.ts';
import { propertiesColumn, sealedOf } from '../events/sealed-properties.ts';
import type { SealedEvent } from '../events/usage-event.ts';
import type { EnvelopeHeader } from './envelope-header.ts';
import { shardOf } from './routing.ts';
import {
  CopyRows,
  keyedRowAt,
  numbersAt,
  originAt,
  readRowUsage,
  tupleEnd,
  tupleFields,
} from './row-tuple.ts';

/** Tuples of the right shape, in the order of their events; nothing is known yet of names, keys and quantities. */
export interface EventTuples {
  readonly bytes: Buffer;
  /** Where each tuple begins. */
  readonly starts: readonly number[];
  /** Their event days, each once. */
  readonly days: ReadonlySet<number>;
}

/** The head's bytes, left open, and a tuple for each event. */
export function encodeTuples(
  header: EnvelopeHeader,
  events: readonly SealedEvent[],
  size: { readonly headBytes: number; readonly capacityBytes: number },
): Buffer {
  const { partition, producerId, sequence, createdAtMs } = header;
  const rows = new CopyRows(size);
  const shard = shardOf(partition);
  for (const [index, event] of events.entries()) {
    const { organization, metric, quantity, idempotencyKey, eventTimeMs, undated, fingerprint, dimensions } =
      event;
    const { sealed } = event;
    rows.append({
      keyHash: keyHash(organization, idempotencyKey),
      ...{ fingerprint, offset: 0, index, undated, day: dayOf(eventTimeMs), eventTimeMs, createdAtMs },
      ...{ shard, partition, quantity, organization, metric, dimensions, idempotencyKey },
      properties: sealed === null ? null : propertiesColumn(producerId, sequence, index, sealed),
    });
  }
  return rows.toBuffer();
}

/** The tuples of a body, or why they are not what `encodeTuples` writes for this head. Total for any bytes. */
export function decodeTuples(bytes: Buffer, header: EnvelopeHeader, count: number): EventTuples | string {
  const starts: number[] = [];
  const days = new Set<number>();
  const { partition, createdAtMs } = header;
  const shard = shardOf(partition);
  for (let at = 0; at < bytes.length; ) {
    const end = tupleEnd(bytes, at);
    if (end === null) return 'the body is not a list of event tuples';
    const row = numbersAt(bytes, at);
    const origin = originAt(bytes, at);
    const isOfHeader = origin.shard === shard && origin.partition === partition;
    if (!isOfHeader || origin.createdAtMs !== createdAtMs) return 'a tuple is of another envelope';
    if (row.index !== starts.length || row.offset !== 0) return 'a tuple is not at its place';
    if (!Number.isSafeInteger(row.eventTimeMs) || row.day !== dayOf(row.eventTimeMs)) {
      return 'a tuple is of another day than its time';
    }
    starts.push(at);
    days.add(row.day);
    at = end;
  }
  return starts.length === count
    ? { bytes, starts, days }
    : 'the header counts other events than the body holds';
}

/** The events again, for whoever wants to read them. */
export function eventsOfTuples({ bytes, starts }: EventTuples): readonly SealedEvent[] {
  return starts.map((at) => {
    const { undated, fingerprint, eventTimeMs } = keyedRowAt(bytes, at);
    const { idempotencyKey, properties } = tupleFields(bytes, at);
    const column = bytes.subarray(properties.start, properties.end);
    return {
      ...readRowUsage(bytes, at),
      ...{ eventTimeMs, undated, fingerprint },
      idempotencyKey: bytes.toString('utf8', idempotencyKey.start, idempotencyKey.end),
      sealed: column.length === 0 ? null : sealedOf(column),
    };
  });
}
