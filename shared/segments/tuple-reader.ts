/**
 * Reads tuples of envelopes whose shape is right, and refuses what cannot be counted. Names repeat, so each combination
 * of organization, metric and dimensions is checked once: they follow each other in the tuple, and their bytes name them.
 */
import { isCanonicalDimensions } from '../events/dimensions.ts';
import { namePattern, organizationPattern } from '../events/name-rule.ts';
import { idempotencyKeyBytesMax } from '../limits.ts';
import { type ByteRange, isCanonicalNumeric, readNumeric } from '../log/row-numeric.ts';
import { CopyRows, numbersAt, type TupleFields, type TupleRun, tupleFields } from '../log/row-tuple.ts';
import type { RollupEvent } from './rollup.ts';

const eventTimeMsMin = Date.UTC(2000, 0, 1);
const eventTimeMsMax = Date.UTC(2200, 0, 1);

/** Whether Postgres, and every program that reads its rows, takes the time. */
export function isCountableTime(eventTimeMs: number): boolean {
  return eventTimeMs >= eventTimeMsMin && eventTimeMs < eventTimeMsMax;
}

/** What of a tuple is added to totals, or the code for which it is not counted. */
export type TupleReading = (RollupEvent & { readonly day: number; readonly undated: boolean }) | string;

type Names = Pick<RollupEvent, 'organization' | 'metric' | 'dimensions'>;

export class TupleReader {
  readonly #names = new Map<string, Names | string>();

  read(bytes: Buffer, at: number): TupleReading {
    const fields = tupleFields(bytes, at);
    const names = this.#namesOf(bytes, fields);
    if (typeof names === 'string') return names;
    if (!isCanonicalNumeric(bytes, fields.quantity)) return 'quantity_invalid';
    const { eventTimeMs, day, undated } = numbersAt(bytes, at);
    if (!isCountableTime(eventTimeMs)) return 'event_time_invalid';
    if (!isKey(bytes, fields.idempotencyKey)) return 'idempotency_key_invalid';
    const { organization, metric, dimensions } = names;
    const quantity = readNumeric(bytes, fields.quantity.start);
    return { organization, metric, dimensions, quantity, eventTimeMs, day, undated };
  }

  #namesOf(bytes: Buffer, { organization, metric, dimensions }: TupleFields): Names | string {
    // With the lengths between them, so that no two combinations are the same text.
    const text = bytes.toString('latin1', organization.start, dimensions.end);
    const lengths = organization.end - organization.start;
    const key = `${lengths}:${text}`;
    let names = this.#names.get(key);
    if (names === undefined) {
      names = checkedNames(
        textAt(bytes, organization),
        textAt(bytes, metric),
        wellFormedAt(bytes, dimensions),
      );
      this.#names.set(key, names);
    }
    return names;
  }
}

// Same type: in the order of the tuple.
function checkedNames(organization: string, metric: string, dimensions: string | null): Names | string {
  if (!organizationPattern.test(organization)) return 'organization_invalid';
  if (!namePattern.test(metric)) return 'metric_invalid';
  if (dimensions === null || !isCanonicalDimensions(dimensions)) return 'dimensions_invalid';
  return { organization, metric, dimensions };
}

/** The rule for keys: not empty, at most so many characters, well-formed, without a zero character. */
function isKey(bytes: Buffer, key: ByteRange): boolean {
  const { start, end } = key;
  if (start === end) return false;
  let ascii = true;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === 0) return false;
    if (byte > 127) ascii = false;
  }
  if (ascii) return end - start <= idempotencyKeyBytesMax;
  const text = wellFormedAt(bytes, key);
  return text !== null && text.length <= idempotencyKeyBytesMax;
}

/** A refused tuple as the quarantine keeps it: with its offset, as a row would have been; base64. */
export function refusedTuple(bytes: Buffer, run: TupleRun, offset: number): string {
  const rows = new CopyRows();
  rows.appendTuples(bytes, run, offset);
  return rows.toBuffer().toString('base64');
}

function textAt(bytes: Buffer, { start, end }: ByteRange): string {
  return bytes.toString('utf8', start, end);
}

/** Null for bytes that are no UTF-8: the text is written as other bytes. */
function wellFormedAt(bytes: Buffer, range: ByteRange): string | null {
  const text = textAt(bytes, range);
  return Buffer.from(text).equals(bytes.subarray(range.start, range.end)) ? text : null;
}
