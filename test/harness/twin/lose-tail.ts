import { readdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';

/** Of a record batch: where its first offset is written, where the length of what follows, and the size of both. */
const baseOffsetAt = 0;
const lengthAt = 8;
const headerBytes = 12;

/**
 * Cuts the only segment file of a partition so that it ends below the batch that holds `offset`, as a disk does that
 * loses what was not yet written to it. The broker must not run meanwhile: stop it by SIGSTOP, and kill it afterwards.
 */
export function loseTail({ folder, offset }: { readonly folder: string; readonly offset: number }): void {
  const files = readdirSync(folder).filter((name) => name.endsWith('.log'));
  const [file] = files;
  if (file === undefined || files.length > 1)
    throw new Error(`${folder} holds ${files.length} segment files`);
  const path = join(folder, file);
  const bytes = readFileSync(path);
  for (let at = 0; at + headerBytes <= bytes.length; ) {
    if (Number(bytes.readBigInt64BE(at + baseOffsetAt)) >= offset) {
      truncateSync(path, at);
      return;
    }
    at += headerBytes + bytes.readInt32BE(at + lengthAt);
  }
}
