/** The elements of JSON lists, or JSON documents one after the other, one at a time; numbers keep every digit. */
import { TextDecoder } from 'node:util';
import { Tokenizer, TokenParser } from '@streamparser/json';
import { UserError } from '../processes/user-error.ts';
import { withoutMark } from './byte-order-mark.ts';
import { rawNumber } from './parse-row.ts';
import { notUtf8 } from './row-reading.ts';

/** One element or document is held in memory. */
export const documentBytesMax = 64 * 1024 * 1024;

export interface Document {
  /** Which one it is, from 1. */
  readonly row: number;
  readonly value: unknown;
}

class ExactTokenizer extends Tokenizer {
  override parseNumber(text: string): number {
    // The parser hands the value on without looking at it.
    return rawNumber(text) as unknown as number;
  }
}

/** Throws where the text is not JSON, or ends early. */
export async function* readDocuments(text: AsyncIterable<Buffer>): AsyncGenerator<Document> {
  let parser: ReturnType<typeof createParser> | null = null;
  let row = 0;
  let bytes = 0;
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  for await (const chunk of withoutMark(text)) {
    assertUtf8(utf8, chunk);
    parser ??= createParser(chunk);
    bytes += chunk.length;
    const values = parser.write(chunk);
    for (const value of values) yield { row: ++row, value };
    if (values.length > 0) bytes = 0;
    if (bytes > documentBytesMax) throw new UserError(`one value has more than ${documentBytesMax} bytes`);
  }
  parser?.end();
}

/** The parser would replace what it cannot read. */
function assertUtf8(decoder: TextDecoder, chunk: Buffer): void {
  try {
    decoder.decode(chunk, { stream: true });
  } catch (cause) {
    throw new UserError(notUtf8.message, { cause });
  }
}

function createParser(first: Buffer) {
  const isList = /^\s*\[/.test(first.toString('latin1', 0, 1024));
  const tokenizer = new ExactTokenizer({ separator: '' });
  const parser = new TokenParser({ paths: [isList ? '$.*' : '$'], keepStack: false, separator: '' });
  let values: unknown[] = [];
  tokenizer.onToken = (token) => parser.write(token);
  parser.onValue = ({ value }) => {
    values.push(value);
  };
  return {
    write(chunk: Buffer): readonly unknown[] {
      values = [];
      tokenizer.write(chunk);
      return values;
    },
    end(): void {
      tokenizer.end();
      parser.end();
    },
  };
}
