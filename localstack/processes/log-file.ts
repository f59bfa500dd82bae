import { closeSync, mkdirSync, openSync, readSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

const logBytesMax = 20 * 1024 * 1024;
const tailBytesMax = 2_048;

/**
 * Opens a log for appending and hands out the descriptor, which goes to the child as it is: the child can
 * go on writing when its supervisor has died. A log above its cap is set aside at the start, one generation.
 */
export function openLog(path: string): number {
  mkdirSync(dirname(path), { recursive: true });
  if (sizeOf(path) > logBytesMax) renameSync(path, `${path}.1`);
  return openSync(path, 'a', 0o600);
}

/** The last lines of a log, for the message of a process that does not start. */
export function logTail(path: string): string {
  const size = sizeOf(path);
  if (size === 0) return '(its log is empty)';
  const buffer = Buffer.alloc(Math.min(size, tailBytesMax));
  const descriptor = openSync(path, 'r');
  readSync(descriptor, buffer, 0, buffer.length, size - buffer.length);
  closeSync(descriptor);
  return buffer.toString('utf8').trimEnd();
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
