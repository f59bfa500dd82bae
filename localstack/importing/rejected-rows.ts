/**
 * The file of rejected rows: one JSON object a line, `{"rejected":{why},"row":{members}}`. It is mended where the row
 * is wrong, and imported again as it is, with the same options.
 */
import { closeSync, existsSync, openSync, writeSync } from 'node:fs';
import { UserError } from '../processes/user-error.ts';
import { type Fields, isFields, scalarText } from './fields.ts';
import type { RejectedEvent } from './row-reading.ts';
import type { RefusedRow } from './to-row.ts';

interface RejectedRow {
  readonly rejected: RejectedEvent;
  readonly readAs: string | undefined;
  readonly row: unknown;
}

/** What a line of such a file holds; null for any other row. */
export function fromRejectedRow(value: Fields): RejectedRow | null {
  if (!Object.hasOwn(value, 'rejected')) return null;
  const { rejected, row, ...others } = value;
  if (!isFields(rejected) || row === undefined || Object.keys(others).length > 0) return null;
  const event = scalarText(rejected['event']);
  return {
    rejected: { event: event === null ? null : Number(event), key: scalarText(rejected['key']) },
    readAs: scalarText(rejected['as']) ?? undefined,
    row,
  };
}

function toRejectedRow(
  as: string,
  { line, eventIndex: event, key, code, field, message, raw }: RefusedRow,
): string {
  return `${JSON.stringify({ rejected: { as, line, event, key, code, field, message }, row: raw })}\n`;
}

export interface RejectedRowsFile {
  write(row: RefusedRow): void;
  close(): void;
}

/** The file is made when the first row comes. Refuses a name that is taken: it may be the file that is imported. */
// Same type: a path is of a file that is not there, and what a file was read as is a name.
export function createRejectedRows(path: string | undefined, readAs: string): RejectedRowsFile {
  if (path === undefined) return { write: () => undefined, close: () => undefined };
  if (existsSync(path)) throw new UserError(`${path} exists already: give --rejects another name.`);
  let file: number | null = null;
  return {
    write(row) {
      file ??= openSync(path, 'wx');
      writeSync(file, toRejectedRow(readAs, row));
    },
    close() {
      if (file !== null) closeSync(file);
    },
  };
}
