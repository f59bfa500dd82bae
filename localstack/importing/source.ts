/** Where the bytes of an import come from: a file, an address of this machine, or the standard input. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { UserError } from '../processes/user-error.ts';
import type { NamedInput } from './read-rows.ts';

export interface ImportSource extends NamedInput {
  /** 0 where that is not known. */
  readonly bytes: number;
  /** Bytes read so far, before unpacking. */
  bytesRead(): number;
}

/** Refuses what is not there, a folder, and an address of another machine. */
export async function openSource(path: string): Promise<ImportSource> {
  if (path === '-') {
    return { name: 'The standard input', input: process.stdin, bytes: 0, bytesRead: () => 0 };
  }
  if (/^https?:\/\//i.test(path)) return openAddress(path);
  const found = await stat(path).catch((cause: unknown) => {
    throw new UserError(`There is no file ${path} that can be read.`, { cause });
  });
  if (found.isDirectory()) throw new UserError(`${path} is a folder: name a file of events.`);
  const file = createReadStream(path);
  return { name: path, input: file, bytes: found.size, bytesRead: () => file.bytesRead };
}

const loopback = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/;

/** What another machine sends could be anything, also a redirection into this network. */
async function openAddress(address: string): Promise<ImportSource> {
  const url = URL.parse(address);
  if (url === null || !loopback.test(url.hostname)) {
    throw new UserError(
      `Only addresses of this machine are read: download ${address}, or pipe it into "import -".`,
    );
  }
  const response = await fetch(url, { redirect: 'error' }).catch((cause: unknown) => {
    throw new UserError(`${address} is not answered.`, { cause });
  });
  if (!response.ok || response.body === null) {
    throw new UserError(`${address} answered ${response.status}.`);
  }
  let read = 0;
  const body: AsyncIterable<Uint8Array> = response.body;
  const counted = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of body) {
      read += chunk.length;
      yield Buffer.from(chunk);
    }
  };
  const packed = response.headers.has('content-encoding');
  const bytes = packed ? 0 : Number(response.headers.get('content-length') ?? 0);
  return { name: address, input: counted(), bytes, bytesRead: () => read };
}
