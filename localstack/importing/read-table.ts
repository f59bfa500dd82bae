/** The rows of a CSV or TSV file as members named by its header. */
import { pipeline, Readable } from 'node:stream';
import { parse } from 'csv-parse';
import { decodeUtf8 } from '../../shared/events/utf8.ts';
import { bodyBytesMax } from '../../shared/limits.ts';
import { UserError } from '../processes/user-error.ts';
import { withoutMark } from './byte-order-mark.ts';
import { notUtf8, type RowReading } from './row-reading.ts';

/** As the parser gives it when it is asked for the place. */
interface Parsed {
  readonly record: readonly string[];
  readonly info: { readonly lines: number };
}

/** Each row with the line on which it ends. Throws where quotes do not match: what is a row behind that is unknown. */
export async function* readTable(text: AsyncIterable<Buffer>, delimiter: string): AsyncGenerator<RowReading> {
  const parser = parse({
    delimiter,
    // Each byte as a character, so that a value that is no UTF-8 is seen; what the parser looks for is ASCII.
    encoding: 'latin1',
    info: true,
    max_record_size: bodyBytesMax,
    record_delimiter: ['\r\n', '\n'],
    relax_column_count: true,
    skip_empty_lines: true,
    // Values with tabs between them are seldom quoted, so a quote within one means nothing.
    relax_quotes: delimiter === '\t',
  });
  // A failure of either end reaches whoever reads, so that nothing is left for the callback.
  const records: AsyncIterable<Parsed> = pipeline(
    Readable.from(withoutMark(text), { objectMode: false }),
    parser,
    () => undefined,
  );
  let names: readonly string[] | null = null;
  for await (const { record, info } of records) {
    if (names === null) names = headerOf(record);
    else yield rowOf(names, record, info.lines);
  }
}

function headerOf(record: readonly string[]): readonly string[] {
  const names = record.map((value) => decoded(value)?.trim() ?? null);
  const known = names.filter((name) => name !== null);
  if (known.length < names.length) throw new UserError(notUtf8.message);
  const twice = known.find((name, index) => known.indexOf(name) !== index);
  if (twice === undefined) return known;
  throw new UserError(`the column ${JSON.stringify(twice)} is in the header twice`);
}

function rowOf(names: readonly string[], record: readonly string[], line: number): RowReading {
  const values = record.map(decoded);
  const fields = Object.fromEntries(names.map((name, index) => [name, values[index] ?? null]));
  if (values.includes(null)) {
    const lossy = Object.fromEntries(
      names.map((name, index) => [name, bytesOf(record[index] ?? '').toString('utf8')]),
    );
    return { kind: 'problem', line, ...notUtf8, raw: lossy };
  }
  if (record.length !== names.length) {
    const message = `the row has ${record.length} values, the header ${names.length}`;
    return { kind: 'problem', line, code: 'column_count', message, raw: fields };
  }
  return { kind: 'fields', line, fields, rejected: null };
}

function bytesOf(value: string): Buffer {
  return Buffer.from(value, 'latin1');
}

function decoded(value: string): string | null {
  return decodeUtf8(bytesOf(value));
}
