/** Usage events from a JSON Lines file, plain or gzip: one row at a time, whatever the file's size. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { UserError } from '../processes/user-error.ts';
import { readLines } from './read-lines.ts';
import { Repetitions } from './repetitions.ts';
import { type RefusedRow, type Row, type RowOptions, toRow } from './to-row.ts';

export interface RowsFile {
  /** 0 where that is not known. */
  readonly bytes: number;
  /** Bytes of the file read so far, before unpacking. */
  bytesRead(): number;
  readonly rows: AsyncIterable<Row | RefusedRow>;
}

/** Opens the file, or the standard input for `-`; refuses what is not there and what is a folder. */
export async function openRows(path: string, options: RowOptions): Promise<RowsFile> {
  if (path === '-') {
    return { bytes: 0, bytesRead: () => 0, rows: readRows('The standard input', process.stdin, options) };
  }
  const found = await stat(path).catch((cause: unknown) => {
    throw new UserError(`There is no file ${path} that can be read.`, { cause });
  });
  if (found.isDirectory()) throw new UserError(`${path} is a folder: name a file of events.`);
  const file = createReadStream(path);
  return { bytes: found.size, bytesRead: () => file.bytesRead, rows: readRows(path, file, options) };
}

/** The rows of one file in their order. Refuses, by its name, a file that cannot be read to its end. */
export async function* readRows(
  name: string,
  input: AsyncIterable<Buffer>,
  options: RowOptions,
): AsyncGenerator<Row | RefusedRow> {
  const repetitions = new Repetitions();
  let line = 0;
  try {
    for await (const bytes of readLines(input)) {
      line++;
      const row = toRow(line, bytes, repetitions, options);
      if (row !== null) yield row;
    }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    if (line === 0) throw new UserError(`${name} cannot be read: ${reason}`, { cause });
    const remedy = 'The lines before it were sent, and do not count twice when the whole file is imported.';
    throw new UserError(`${name} cannot be read beyond line ${line}: ${reason}\n${remedy}`, { cause });
  }
}
