/** Golden files: what is stored, sent or answered, byte by byte. `vitest run -u` writes them anew. */
import { join } from 'node:path';
import { expect } from 'vitest';
import type { HttpResult } from '../../../shared/http/stack.ts';

const folder = join(import.meta.dirname, '..', '..', 'data', 'golden');
const bytesPerLine = 32;

/** Compares a text with a file of `test/data/golden`. */
// Same type: a text is no file of the folder, so the comparison fails.
export function expectGolden(file: string, text: string): Promise<void> {
  return expect(text.endsWith('\n') ? text : `${text}\n`).toMatchFileSnapshot(join(folder, file));
}

/** A value as indented JSON, members in the order of their names; bytes as hex digits. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, toGoldenValue, 2);
}

function toGoldenValue(_name: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  // `Buffer.toJSON` has run before a replacer sees a buffer.
  const data: unknown = Reflect.get(value, 'data');
  if (Reflect.get(value, 'type') === 'Buffer' && Array.isArray(data))
    return Buffer.from(data).toString('hex');
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Offset, hex digits and printable characters of 32 bytes a line. */
export function hexDump(bytes: Buffer): string {
  const lines = Array.from({ length: Math.ceil(bytes.length / bytesPerLine) }, (_, line) => {
    const part = bytes.subarray(line * bytesPerLine, (line + 1) * bytesPerLine);
    const offset = (line * bytesPerLine).toString(16).padStart(6, '0');
    const printable = part.toString('latin1').replace(/[^\x20-\x7e]/g, '.');
    return `${offset}  ${part.toString('hex').padEnd(2 * bytesPerLine)}  |${printable}|`;
  });
  return lines.join('\n');
}

/** One answer with its title, as it goes over the wire; headers in the order of their names. */
export function answerText(title: string, { statusCode, headers, body = '' }: HttpResult): string {
  const names = Object.entries(headers ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const head = names.map(([name, value]) => `${name}: ${value}\n`).join('');
  return `### ${title}\n${statusCode}\n${head}\n${body}\n`;
}
