/** Records of the log at single offsets: each is read once, and records that lie together in one read. */
import { OdometerError } from '../../shared/errors.ts';
import type { SealedEvent } from '../../shared/events/usage-event.ts';
import { receiptReadBytesMax, receiptReadOffsetsMax } from '../../shared/limits.ts';
import { decodeEnvelope, eventsOf } from '../../shared/log/envelope.ts';
import type { EventLogReader, LogRecord } from '../../shared/log/event-log.ts';

/** A place in the log. */
export interface LogPlace {
  readonly partition: number;
  readonly offset: number;
  readonly index: number;
}

/** What a record holds of one of its events. `createdAtMs` null: the record is none of ours. */
export interface LoggedEvent {
  readonly createdAtMs: number | null;
  readonly event: SealedEvent | null;
}

/** What the log holds at each of these places: null where it holds none, missing where it did not answer. */
export async function readLogPlaces(
  log: Pick<EventLogReader, 'read'>,
  places: readonly LogPlace[],
): Promise<ReadonlyMap<LogPlace, LoggedEvent | null>> {
  const found = new Map<LogPlace, LoggedEvent | null>();
  const byPartition = Map.groupBy(places, ({ partition }) => partition);
  await Promise.all(
    [...byPartition].map(async ([partition, ofPartition]) => {
      const byOffset = Map.groupBy(ofPartition, ({ offset }) => offset);
      await readOffsets(log, partition, [...byOffset.keys()], (offset, record) => {
        for (const place of byOffset.get(offset) ?? [])
          found.set(place, record === null ? null : eventAt(record, place));
      }).catch(unlessUnavailable);
    }),
  );
  return found;
}

async function readOffsets(
  log: Pick<EventLogReader, 'read'>,
  partition: number,
  offsets: readonly number[],
  take: (offset: number, record: LogRecord | null) => void,
): Promise<void> {
  const wanted = new Set(offsets);
  const sorted = offsets.toSorted((a, b) => a - b);
  for (const [i, from] of sorted.entries()) {
    if (!wanted.has(from)) continue;
    const near = (sorted[i + 1] ?? Number.POSITIVE_INFINITY) - from <= receiptReadOffsetsMax;
    const records = await readFrom(log, { partition, from, bytesMax: near ? receiptReadBytesMax : 1 });
    for (const record of records) if (wanted.delete(record.offset)) take(record.offset, record);
    // Beyond the end of the log, or removed by its retention.
    if (wanted.delete(from)) take(from, null);
  }
}

/** One partition whose log does not answer leaves the others as they are. */
export function unlessUnavailable(error: unknown): null {
  if (error instanceof OdometerError && error.code === 'log_unavailable') return null;
  throw error;
}

async function readFrom(
  log: Pick<EventLogReader, 'read'>,
  read: { readonly partition: number; readonly from: number; readonly bytesMax: number },
): Promise<readonly LogRecord[]> {
  try {
    return (await log.read([read])).get(read.partition) ?? [];
  } catch (error) {
    if (error instanceof OdometerError && error.code === 'offset_out_of_range') return [];
    throw error;
  }
}

function eventAt(record: LogRecord, { partition, index }: LogPlace): LoggedEvent {
  const decoded = decodeEnvelope(record.value, partition);
  if (decoded.kind !== 'envelope') return { createdAtMs: null, event: null };
  const { createdAtMs } = decoded.envelope;
  return { createdAtMs, event: eventsOf(decoded.envelope)[index] ?? null };
}
