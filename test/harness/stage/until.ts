import { setTimeout as delay } from 'node:timers/promises';

const patienceMs = 30_000;
const pollMs = 100;

/** Resolves when it holds; throws when it does not for half a minute. */
export async function until(holds: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + patienceMs;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error('what is waited for did not happen');
    await delay(pollMs);
  }
}

export function answers(call: Promise<unknown>): Promise<boolean> {
  return call.then(
    () => true,
    () => false,
  );
}
