/** The wall clock of a twin's processes, which a test sets: Debian's libfaketime under everything that a twin starts. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { debianLibrary } from '../../../localstack/servers/debian.ts';
import { makeTestFolder, removeTestFolder } from '../servers/servers.ts';

/** The library looks this often for what the clock is set to, by whole seconds. */
const lookSeconds = 1;

export interface WallClock {
  /** What a twin is started with. */
  readonly environment: Readonly<Record<string, string>>;
  /** Sets the clock to the machine's and so many seconds; resolves when every process has it. */
  set(seconds: number): Promise<void>;
  remove(): void;
}

/**
 * The monotonic clock stays the machine's, as where somebody sets the time. Java keeps both, because the library makes it
 * a hundred times as slow: to the others the broker is a machine whose clock nobody set.
 */
export async function openWallClock(): Promise<WallClock> {
  const library = await debianLibrary('faketime');
  const folder = makeTestFolder();
  const file = join(folder, 'seconds');
  const write = (seconds: number) => writeFileSync(file, `${seconds < 0 ? '' : '+'}${seconds}\n`);
  write(0);
  return {
    environment: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_CACHE_DURATION: String(lookSeconds),
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      FAKETIME_SKIP_CMDS: 'java',
    },
    async set(seconds) {
      write(seconds);
      await setTimeout(3 * lookSeconds * 1000);
    },
    remove: () => removeTestFolder(folder),
  };
}
