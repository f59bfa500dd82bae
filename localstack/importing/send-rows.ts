/** Sends rows in batches, several at once, and counts what became of them. */
import type { BatchResult, ClientEvent } from '../../client/bodies.ts';
import { dayOf, parseTimestamp } from '../../shared/events/calendar.ts';
import { EventDays } from '../../shared/events/event-days.ts';
import { bodyBytesMax } from '../../shared/limits.ts';
import { type ImportReport, Tally, type TallyOptions } from './tally.ts';
import { type FileRow, type Row, requestBytes } from './to-row.ts';

export interface SendOptions extends TallyOptions {
  readonly sendBatch: (events: readonly ClientEvent[]) => Promise<BatchResult>;
  readonly batchEvents: number;
  readonly concurrency: number;
  /** Called after every batch with the number of rows read so far. */
  readonly onProgress: (rows: number) => void;
}

/** Sends all rows; rows that are refused do not stop the others. Throws when a batch cannot be sent. */
export async function sendRows(rows: AsyncIterable<FileRow>, options: SendOptions): Promise<ImportReport> {
  const tally = new Tally(options);
  const startedMs = performance.now();
  const sending = new Set<Promise<void>>();
  let failure: unknown;
  const send = (batch: readonly Row[]): void => {
    const work = options
      .sendBatch(batch.map(({ event }) => event))
      .then((result) => tally.addBatch(batch, result))
      .then(() => options.onProgress(tally.read))
      .catch((error: unknown) => {
        failure ??= error;
      })
      .finally(() => sending.delete(work));
    sending.add(work);
  };
  try {
    for await (const batch of toBatches(rows, options.batchEvents, tally)) {
      if (sending.size >= options.concurrency) await Promise.race(sending);
      if (failure !== undefined || tally.shouldStop()) break;
      send(batch);
    }
  } finally {
    await Promise.all(sending);
  }
  if (failure !== undefined) throw failure;
  return tally.report((performance.now() - startedMs) / 1000);
}

/** Batches of as many events as the caller wants and of no more bytes and days than the server takes. */
async function* toBatches(
  rows: AsyncIterable<FileRow>,
  batchEvents: number,
  tally: Tally,
): AsyncGenerator<readonly Row[]> {
  let batch: Row[] = [];
  let bytes = requestBytes;
  let days = new EventDays();
  for await (const row of rows) {
    if (row.kind === 'refused') tally.addRefused(row);
    else if (row.kind === 'skipped') tally.addSkipped(row);
    // A file of nothing but rejects makes no batch: its limit is looked at here.
    if (row.kind !== 'row' && tally.shouldStop()) break;
    if (row.kind !== 'row') continue;
    const isFull = batch.length >= batchEvents || bytes + row.bytes > bodyBytesMax;
    const fits = takeDay(days, row) && !isFull;
    if (batch.length > 0 && !fits) {
      yield batch;
      batch = [];
      bytes = requestBytes;
      days = new EventDays();
      takeDay(days, row);
    }
    batch.push(row);
    bytes += row.bytes;
  }
  if (batch.length > 0) yield batch;
}

/** Whether the row's day fits; what is no timestamp has none, and the server refuses it. */
function takeDay(days: EventDays, { event }: Row): boolean {
  const { timestamp } = event;
  const eventTimeMs = typeof timestamp === 'string' ? parseTimestamp(timestamp) : null;
  return eventTimeMs === null || days.takeOne(dayOf(eventTimeMs));
}
