/** The rows of a file as events: one row at a time, whatever the file's size. */
import { UserError } from '../processes/user-error.ts';
import { expandDocument } from './expand-document.ts';
import { isFields } from './fields.ts';
import { type DetectedForm, detectForm, type FileForm, formName, namedForm, placeName } from './file-form.ts';
import { createLogLineParser } from './log-line.ts';
import { columnNames } from './map-row.ts';
import {
  type ColumnOptions,
  type CompleteMapping,
  completeMapping,
  type Mapping,
  missingColumns,
} from './mapping.ts';
import { presetOfRow } from './presets.ts';
import { readRecords } from './read-records.ts';
import { Repetitions } from './repetitions.ts';
import type { RowReading } from './row-reading.ts';
import { type FileRow, type RowOptions, toRows } from './to-row.ts';
import { unpack } from './unpack.ts';

export interface NamedMapping {
  readonly name: string;
  readonly rules: Mapping;
}

export interface ReadOptions extends RowOptions {
  /** Default: by the first bytes. */
  readonly form?: FileForm | undefined;
  /** Default: by the columns of the first row, else rows are events as the API takes them. */
  readonly mapping?: NamedMapping | undefined;
  readonly columns?: ColumnOptions | undefined;
  readonly nowMs: number;
}

/** What the file was taken for. */
export interface FileReading {
  readonly form: string;
  readonly packing: string | null;
  readonly mapping: string;
  /** By the columns of the first row. */
  readonly detected: boolean;
  /** What a place in the file is called. */
  readonly place: 'line' | 'row';
}

export interface FileRows {
  readonly reading: FileReading;
  readonly rows: AsyncIterable<FileRow>;
}

export interface NamedInput {
  readonly name: string;
  readonly input: AsyncIterable<Buffer>;
}

/** Looks at the start of a file. Refuses, by its name, what cannot be read and what lacks a column. */
export async function readRows({ name, input }: NamedInput, options: ReadOptions): Promise<FileRows> {
  try {
    const { packing, start, all } = await unpack(input);
    const { lines } = options.mapping?.rules ?? {};
    const form =
      options.form === undefined ? detectForm(start, lines !== undefined) : namedForm(options.form, start);
    const records = readRecords(all, form, lines === undefined ? null : createLogLineParser(lines));
    const { done, value } = await records.next();
    const first = done === true ? null : value;
    const chosen = chooseMapping(form, first, options);
    if (typeof chosen === 'string') {
      await records.return();
      throw new UserError(chosen);
    }
    const place = placeName(form);
    const rows = toFileRows({ name, first, records, place }, chosen.mapping, options);
    const { described, detected } = chosen;
    return { reading: { form: formName(form), packing, mapping: described, detected, place }, rows };
  } catch (cause) {
    return cannotBeRead(name, 0, cause);
  }
}

/** What a file is read as whose columns are named by options, or have the API's names. */
const namedColumns = 'named columns';

interface ChosenMapping {
  readonly described: string;
  readonly detected: boolean;
  readonly mapping: CompleteMapping | null;
}

/** Or a sentence of what is missing. */
function chooseMapping(
  form: DetectedForm,
  first: RowReading | null,
  options: ReadOptions,
): ChosenMapping | string {
  const { mapping: given, columns } = options;
  const isTable = form.form === 'csv' || form.form === 'tsv';
  const preset = given === undefined && columns === undefined ? presetOfRow(first) : undefined;
  const chosen = given ?? preset;
  const isNamed = columns !== undefined || isTable || first?.readAs === namedColumns;
  if (chosen === undefined && !isNamed)
    return { described: 'events of the API', detected: false, mapping: null };
  const mapping = completeMapping(chosen?.rules ?? {}, columns ?? {});
  if (typeof mapping === 'string') return mapping;
  const lack = isTable && first !== null ? lackOfColumns(mapping, first, columns ?? {}) : null;
  if (lack !== null) return lack;
  return { described: chosen?.name ?? namedColumns, detected: preset !== undefined, mapping };
}

function lackOfColumns(mapping: CompleteMapping, first: RowReading, columns: ColumnOptions): string | null {
  // Whatever is wrong with the row, it has a member for each column of the header.
  const row = first.kind === 'fields' ? first.fields : first.raw;
  const header = isFields(row) ? Object.keys(row) : [];
  const missing = missingColumns(mapping, columns, new Set(header));
  if (missing.length === 0) return null;
  const wanted =
    missing.length === 1 ? `no column ${missing[0]}` : `none of the columns ${missing.join(', ')}`;
  return `it has ${wanted}; its columns are ${columnNames(header)}`;
}

interface OpenedRecords {
  readonly name: string;
  readonly first: RowReading | null;
  readonly records: AsyncIterable<RowReading>;
  readonly place: 'line' | 'row';
}

async function* toFileRows(
  { name, first, records, place }: OpenedRecords,
  mapping: CompleteMapping | null,
  options: ReadOptions,
): AsyncGenerator<FileRow> {
  const context = { ...options, mapping, repetitions: new Repetitions() };
  let at = 0;
  const toAll = function* (record: RowReading): Generator<FileRow> {
    for (const row of expanded(record, mapping)) {
      // A document has no lines: its rows are counted.
      at = place === 'line' ? record.line : at + 1;
      yield* toRows(row.line === at ? row : { ...row, line: at }, context);
    }
  };
  try {
    if (first !== null) yield* toAll(first);
    for await (const record of records) yield* toAll(record);
  } catch (cause) {
    cannotBeRead(name, at, cause);
  }
}

function* expanded(record: RowReading, mapping: CompleteMapping | null): Generator<RowReading> {
  if (mapping?.rows === undefined || record.kind !== 'fields' || record.rejected !== null) yield record;
  else for (const row of expandDocument(record.fields, mapping.rows)) yield { ...row, line: record.line };
}

// Same type: a file's name has no number for a line.
function cannotBeRead(name: string, line: number, cause: unknown): never {
  const reason = cause instanceof Error ? cause.message : String(cause);
  if (line === 0) throw new UserError(`${name} cannot be read: ${reason}`, { cause });
  const remedy = 'The rows before it were sent, and do not count twice when the whole file is imported.';
  throw new UserError(`${name} cannot be read beyond line ${line}: ${reason}\n${remedy}`, { cause });
}
