/**
 * A real flusher that stops at a step of its first commit: `flusher-process.ts STEP SIGNAL`. It sends the
 * signal to itself there, so that nothing after that step runs (SIGKILL) or runs later (SIGSTOP).
 */
import { startFlusher } from '../../functions/flusher/handler.ts';
import { renewable } from '../../shared/runtime/lifetime.ts';
import { processEnvironment } from '../../shared/runtime/process/environment.ts';

const [, , step, signal] = process.argv;
let stopped = false;
async function stopAtStep(at: string): Promise<void> {
  if (at !== step || stopped) return;
  stopped = true;
  process.kill(process.pid, signal);
  // A signal to oneself may arrive a moment later; nothing may happen until then.
  await new Promise((resolve) => setTimeout(resolve, 500));
}

const start = renewable((lifetime) => startFlusher(processEnvironment(), stopAtStep, lifetime));
const flush = await start();
const endMs = Date.now() + 60_000;
await flush({}, { getRemainingTimeInMillis: () => endMs - Date.now() });
