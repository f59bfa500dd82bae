/** Sends rows in batches, several at once, and counts what became of them. */
import type { BatchResult, ClientEvent } from '../../client/bodies.ts';
import { bodyBytesMax } from '../../shared/limits.ts';
import type { MalformedRow, Row } from './read-rows.ts';

/** Rows that were not accepted for one reason. */
interface Refusals {
  readonly count: number;
  /** The first few, by line number. */
  readonly lines: readonly number[];
  readonly example: string;
}

export interface ImportReport {
  readonly accepted: number;
  readonly refused: number;
  /** By code. */
  readonly refusals: ReadonlyMap<string, Refusals>;
  /** Rows whose event time is when they were sent. */
  readonly undated: number;
  readonly seconds: number;
}

export interface SendOptions {
  readonly sendBatch: (events: readonly ClientEvent[]) => Promise<BatchResult>;
  readonly batchEvents: number;
  readonly concurrency: number;
  /** Called after every batch with the number of rows done so far. */
  readonly onProgress: (rows: number) => void;
}

const linesShownMax = 5;
/** Room for generated keys and field names that the line did not have. */
const batchCharsMax = bodyBytesMax / 2;

/** Sends all rows; rows that are refused or malformed do not stop the others. Throws when a batch cannot be sent. */
export async function sendRows(
  rows: AsyncIterable<Row | MalformedRow>,
  options: SendOptions,
): Promise<ImportReport> {
  const tally = new Tally();
  const startedMs = Date.now();
  const sending = new Set<Promise<void>>();
  let failure: unknown;
  const send = (batch: readonly Row[]): void => {
    const work = options
      .sendBatch(batch.map(({ event }) => event))
      .then((result) => tally.addBatch(batch, result))
      .then(() => options.onProgress(tally.rows))
      .catch((error: unknown) => {
        failure ??= error;
      })
      .finally(() => sending.delete(work));
    sending.add(work);
  };
  for await (const batch of toBatches(rows, options.batchEvents, tally)) {
    if (sending.size >= options.concurrency) await Promise.race(sending);
    if (failure !== undefined) break;
    send(batch);
  }
  await Promise.all(sending);
  if (failure !== undefined) throw failure;
  return tally.report((Date.now() - startedMs) / 1000);
}

async function* toBatches(
  rows: AsyncIterable<Row | MalformedRow>,
  batchEvents: number,
  tally: Tally,
): AsyncGenerator<readonly Row[]> {
  let batch: Row[] = [];
  let chars = 0;
  for await (const row of rows) {
    if (row.kind === 'malformed') {
      tally.refuse('malformed', row.line, row.reason);
      continue;
    }
    if (batch.length > 0 && (batch.length >= batchEvents || chars + row.size > batchCharsMax)) {
      yield batch;
      batch = [];
      chars = 0;
    }
    batch.push(row);
    chars += row.size;
  }
  if (batch.length > 0) yield batch;
}

class Tally {
  #accepted = 0;
  #undated = 0;
  readonly #refusals = new Map<
    string,
    { count: number; lines: readonly number[]; readonly example: string }
  >();

  get rows(): number {
    return this.#accepted + this.#refused;
  }

  get #refused(): number {
    return [...this.#refusals.values()].reduce((sum, { count }) => sum + count, 0);
  }

  addBatch(batch: readonly Row[], result: BatchResult): void {
    this.#accepted += result.accepted;
    this.#undated += batch.filter(({ event }) => event.timestamp === undefined).length;
    for (const { index, code, message } of result.rejected) {
      this.refuse(code, batch[index]?.line ?? 0, message);
    }
  }

  // Same type: the code is the key, the message is prose.
  refuse(code: string, line: number, message: string): void {
    const known = this.#refusals.get(code) ?? { count: 0, lines: [], example: message };
    known.count++;
    // Batches end in any order; the first lines are the lowest ones.
    known.lines = [...known.lines, line].sort((a, b) => a - b).slice(0, linesShownMax);
    this.#refusals.set(code, known);
  }

  report(seconds: number): ImportReport {
    return {
      accepted: this.#accepted,
      refused: this.#refused,
      refusals: this.#refusals,
      undated: this.#undated,
      seconds,
    };
  }
}
