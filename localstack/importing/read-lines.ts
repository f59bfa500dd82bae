/** The lines of a file, plain or gzip, as bytes. Only LF ends a line: a string of JSON may hold any other separator. */
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { bodyBytesMax } from '../../shared/limits.ts';
import { UserError } from '../processes/user-error.ts';
import { foreignKind, startBytes, startsAsGzip } from './file-kind.ts';

const lineFeed = 10;
/** A longer line fits no request, so the rest of it is not kept. */
const lineBytesMax = bodyBytesMax;

/**
 * Lines without their LF. Of a line that is longer than a request may be there comes at least one byte too many.
 * Refuses what is neither UTF-8 nor gzip by its first bytes.
 */
export async function* readLines(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of unpacked(input)) {
    let from = 0;
    for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, from)) {
      const last = chunk.subarray(from, end);
      yield parts.length === 0 ? last : Buffer.concat([...parts, last]);
      parts = [];
      bytes = 0;
      from = end + 1;
    }
    const rest = chunk.subarray(from, from + lineBytesMax + 1 - bytes);
    if (rest.length > 0) parts.push(rest);
    bytes += rest.length;
  }
  if (bytes > 0) yield Buffer.concat(parts);
}

async function* unpacked(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const packed = await withStart(input);
  const { start, all } = startsAsGzip(packed.start) ? await withStart(gunzipped(packed.all)) : packed;
  const kind = foreignKind(start);
  if (kind !== null) throw new UserError(`The file is ${kind}.`);
  yield* all;
}

function gunzipped(input: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  // A failure of either end reaches whoever reads, so that nothing is left for the callback.
  return pipeline(Readable.from(input, { objectMode: false }), createGunzip(), () => undefined);
}

/** The first bytes, at least as many as a kind is known by, and everything again from the start. */
async function withStart(
  input: AsyncIterable<Buffer>,
): Promise<{ readonly start: Buffer; readonly all: AsyncIterable<Buffer> }> {
  const iterator = input[Symbol.asyncIterator]();
  let start = Buffer.alloc(0);
  while (start.length < startBytes) {
    const next = await iterator.next();
    if (next.done === true) break;
    start = Buffer.concat([start, next.value]);
  }
  const rest: AsyncIterable<Buffer> = { [Symbol.asyncIterator]: () => iterator };
  return { start, all: joined(start, rest) };
}

async function* joined(start: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  if (start.length > 0) yield start;
  yield* rest;
}
