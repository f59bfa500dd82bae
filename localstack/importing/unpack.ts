/** The bytes of a file without its packing, which is known by the first bytes. */
import { pipeline, Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { UserError } from '../processes/user-error.ts';
import { foreignKind, type Packing, packingOf, startBytes } from './file-kind.ts';

export interface Unpacked {
  readonly packing: Packing | null;
  /** The first bytes: up to the first LF behind the first text, if that is not far. */
  readonly start: Buffer;
  /** Everything, from the start. */
  readonly all: AsyncIterable<Buffer>;
}

/** A first line that is longer is not looked at as a whole. */
const firstLineBytesMax = 64 * 1024;

/** Refuses what is neither packed in a way that is known nor text in UTF-8, by its first bytes. */
export async function unpack(input: AsyncIterable<Buffer>): Promise<Unpacked> {
  const packed = await withStart(input, (start) => start.length >= startBytes);
  const packing = packingOf(packed.start);
  const text = packing === null ? packed.all : unpackedBy(packing, packed.all);
  const { start, all } = await withStart(text, hasFirstLine);
  const kind = foreignKind(start);
  if (kind !== null) throw new UserError(`The file is ${kind}.`);
  return { packing, start, all };
}

function hasFirstLine(start: Buffer): boolean {
  if (start.length >= firstLineBytesMax || foreignKind(start) !== null) return true;
  return /\S[^\n]*\n/.test(start.toString('latin1'));
}

function unpackedBy(packing: Packing, input: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  return packing === 'gzip' ? gunzipped(input) : unzstd(input);
}

function gunzipped(input: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  // A failure of either end reaches whoever reads, so that nothing is left for the callback.
  return pipeline(Readable.from(input, { objectMode: false }), createGunzip(), () => undefined);
}

/**
 * Node's decoder ends behind the first frame and says nothing of the bytes that follow in the same chunk: half of a
 * file of two frames would be missing without a word. So what it has read is compared with what it was given.
 */
async function* unzstd(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let given = 0;
  const counted = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of input) {
      given += chunk.length;
      yield chunk;
    }
  };
  const decoder = createZstdDecompress();
  // As above.
  yield* pipeline(Readable.from(counted(), { objectMode: false }), decoder, () => undefined);
  if (decoder.bytesWritten === given) return;
  throw new UserError('something follows its first zstd frame: unpack it with zstd -d and import the result');
}

/** As many first bytes as are enough, and everything again from the start. */
async function withStart(
  input: AsyncIterable<Buffer>,
  isEnough: (start: Buffer) => boolean,
): Promise<{ readonly start: Buffer; readonly all: AsyncIterable<Buffer> }> {
  const iterator = input[Symbol.asyncIterator]();
  let start = Buffer.alloc(0);
  while (!isEnough(start)) {
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
