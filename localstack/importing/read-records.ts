/** The rows of a text, whatever they are written as: each with its members, or why it has none. */
import { decodeUtf8 } from '../../shared/events/utf8.ts';
import { isFields } from './fields.ts';
import type { DetectedForm } from './file-form.ts';
import type { LogLineParser } from './log-line.ts';
import { nestsDeeper, parseKeepingDigits } from './parse-row.ts';
import { documentBytesMax, readDocuments } from './read-documents.ts';
import { readLines } from './read-lines.ts';
import { readTable } from './read-table.ts';
import { fromRejectedRow } from './rejected-rows.ts';
import { notUtf8, type RowReading } from './row-reading.ts';

const notJson = { code: 'invalid_json', message: 'the file must hold one JSON object a line' };
const notObject = { code: 'wrong_type', message: 'an event must be a JSON object' };
const nestedDeeply = { code: 'wrong_type', message: 'properties must be an object of scalars' };
/** The deepest document that is read nests half as much; writing one that nests without end would fail. */
const levelsMax = 32;
const tooLong = { code: 'too_long', message: `a line must have at most ${documentBytesMax} bytes` };
const wrongFormat = { code: 'wrong_format', message: 'the line is not in the format of the log' };

export async function* readRecords(
  text: AsyncIterable<Buffer>,
  { form, delimiter }: DetectedForm,
  parseLogLine: LogLineParser | null,
): AsyncGenerator<RowReading, void> {
  if (form === 'csv' || form === 'tsv') {
    yield* readTable(text, delimiter);
  } else if (form === 'json') {
    for await (const { row, value } of readDocuments(text)) yield fromValue(row, value, parseLogLine);
  } else {
    yield* readTextLines(text, parseLogLine);
  }
}

async function* readTextLines(
  text: AsyncIterable<Buffer>,
  parseLogLine: LogLineParser | null,
): AsyncGenerator<RowReading, void> {
  let line = 0;
  for await (const bytes of readLines(text, documentBytesMax)) {
    line++;
    const decoded = decodeUtf8(bytes);
    if (bytes.length > documentBytesMax) yield { kind: 'problem', line, ...tooLong, raw: null };
    else if (decoded === null) yield { kind: 'problem', line, ...notUtf8, raw: bytes.toString('utf8') };
    else if (decoded.trim() !== '') yield fromLine(line, decoded, parseLogLine);
  }
}

/** JSON, or a line of a log where the mapping has a format for one. */
function fromLine(line: number, text: string, parseLogLine: LogLineParser | null): RowReading {
  if (parseLogLine !== null && !text.startsWith('{')) {
    const parsedLine = parseLogLine(text);
    if (parsedLine === null) return { kind: 'problem', line, ...wrongFormat, raw: text };
    return { kind: 'fields', line, fields: parsedLine, rejected: null };
  }
  const value = parsed(text);
  if (value === undefined) return { kind: 'problem', line, ...notJson, raw: text };
  return fromValue(line, value, parseLogLine);
}

function fromValue(line: number, value: unknown, parseLogLine: LogLineParser | null): RowReading {
  if (nestsDeeper(value, levelsMax)) return { kind: 'problem', line, ...nestedDeeply, raw: null };
  if (!isFields(value)) return { kind: 'problem', line, ...notObject, raw: value };
  const again = fromRejectedRow(value);
  if (again === null) return { kind: 'fields', line, fields: value, rejected: null };
  // A text is what could not be read: it is read anew. Members are a row already.
  const { row, rejected, readAs } = again;
  if (typeof row === 'string') return { ...fromLine(line, row, parseLogLine), readAs };
  if (isFields(row)) return { kind: 'fields', line, fields: row, rejected, readAs };
  return { kind: 'problem', line, ...notObject, raw: row, readAs };
}

function parsed(text: string): unknown {
  try {
    return parseKeepingDigits(text);
  } catch {
    return undefined;
  }
}
