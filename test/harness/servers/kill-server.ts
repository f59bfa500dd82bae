/** Kills of the tier's shared servers, which the process that keeps them starts again; files take turns (`servers.ts`). */
import { setTimeout as delay } from 'node:timers/promises';
import { readState } from '../../../localstack/processes/state-file.ts';

const pollMs = 50;
const restartMs = 60_000;

export type ServerName = 'kafka' | 'redis';

/**
 * Stops a server, kills it without letting it go on, and resolves when `isBack` does. `meanwhile` runs while it is
 * stopped: what it changes on the disk is what the next one finds.
 */
export async function killServer(
  { dataDir, name }: { readonly dataDir: string; readonly name: ServerName },
  { meanwhile, isBack }: { readonly meanwhile: () => void; readonly isBack: () => Promise<unknown> },
): Promise<void> {
  const pid = readState(dataDir)?.children[name]?.pid;
  if (pid === undefined) throw new Error(`${name} does not run`);
  process.kill(pid, 'SIGSTOP');
  try {
    meanwhile();
  } finally {
    process.kill(pid, 'SIGKILL');
  }
  const endMs = performance.now() + restartMs;
  const isNew = () => ![undefined, pid].includes(readState(dataDir)?.children[name]?.pid);
  for (;;) {
    if (isNew()) {
      try {
        await isBack();
        return;
      } catch (error) {
        if (performance.now() > endMs) throw error;
      }
    } else if (performance.now() > endMs) throw new Error(`${name} was not started again`);
    await delay(pollMs);
  }
}
