/** Usage events from a JSON Lines file, plain or gzip: one row at a time, whatever the file's size. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { ClientEvent } from '../../client/bodies.ts';
import { bodyBytesMax } from '../../shared/limits.ts';
import { UserError } from '../processes/user-error.ts';

export interface Row {
  readonly kind: 'row';
  /** From 1. */
  readonly line: number;
  readonly event: ClientEvent;
  /** Characters of the line, a measure of what the event takes in a request. */
  readonly size: number;
}

export interface MalformedRow {
  readonly kind: 'malformed';
  readonly line: number;
  readonly reason: string;
}

export interface RowsFile {
  readonly bytes: number;
  /** Bytes of the file read so far, before unpacking. */
  bytesRead(): number;
  readonly rows: AsyncIterable<Row | MalformedRow>;
}

/** Opens `path`; a file that is not there, or whose gzip stream is broken, throws with its name. */
// Same type: a prefix is no file that opens.
export async function openRows(path: string, organizationPrefix: string): Promise<RowsFile> {
  const { size } = await stat(path).catch((cause: unknown) => {
    throw new UserError(`there is no file ${path} that can be read`, { cause });
  });
  const file = createReadStream(path);
  return { bytes: size, bytesRead: () => file.bytesRead, rows: readRows(path, file, organizationPrefix) };
}

// Same type: as for `openRows`.
async function* readRows(
  path: string,
  file: Readable,
  organizationPrefix: string,
): AsyncGenerator<Row | MalformedRow> {
  const input = path.endsWith('.gz') ? unpacked(file) : file;
  const name = basename(path);
  let line = 0;
  try {
    for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      line++;
      if (text.trim() !== '') yield toRow({ name, line, text }, organizationPrefix);
    }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UserError(`${path} cannot be read beyond line ${line}: ${reason}`, { cause });
  }
}

function unpacked(file: Readable): Readable {
  const gunzip = createGunzip();
  // A pipe does not carry errors.
  file.on('error', (error) => gunzip.destroy(error));
  return file.pipe(gunzip);
}

interface SourceLine {
  readonly name: string;
  readonly line: number;
  readonly text: string;
}

function toRow(source: SourceLine, organizationPrefix: string): Row | MalformedRow {
  const { line, text } = source;
  if (text.length > bodyBytesMax / 2) return { kind: 'malformed', line, reason: 'the line is too long' };
  let value: unknown;
  try {
    value = parseKeepingDigits(text);
  } catch {
    return { kind: 'malformed', line, reason: 'the line is not JSON' };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { kind: 'malformed', line, reason: 'the line is not a JSON object' };
  }
  const { organization_id: organization, idempotency_key: key } = value as Partial<ClientEvent>;
  const event = {
    ...value,
    ...(typeof organization === 'string' ? { organization_id: organizationPrefix + organization } : {}),
    ...(key === undefined ? { idempotency_key: keyOf(source) } : {}),
  };
  // The server checks every field; here only what the importer itself needs is looked at.
  return { kind: 'row', line, event: event as ClientEvent, size: text.length };
}

/**
 * The key of a row without one: the file's name, the line's number and a hash of the line. A file imported again,
 * or grown at its end, gives the same keys; another file of the same name does not take them.
 */
function keyOf({ name, line, text }: SourceLine): string {
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 16);
  return `import:${name.slice(0, 100)}:${line}:${digest}`;
}

declare global {
  interface JSON {
    /** ES2025: a value that JSON.stringify writes as the given text. */
    rawJSON(text: string): object;
  }
}

/** JSON.parse whose numbers are written again by JSON.stringify with every digit. */
function parseKeepingDigits(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) =>
    typeof value === 'number' && context?.source !== undefined ? JSON.rawJSON(context.source) : value,
  );
}
