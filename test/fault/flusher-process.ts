/**
 * A real flusher that stops at a step of its first commit: `flusher-process.ts STEP SIGNAL`. It sends the
 * signal to itself there, so that nothing after that step runs (SIGKILL) or runs later (SIGSTOP).
 */
import { startFlusher } from '../../functions/flusher/handler.ts';
import { processEnvironment } from '../../shared/runtime/environment.ts';

const [, , step, signal] = process.argv;
let stopped = false;
const flush = await startFlusher(processEnvironment(), async (at) => {
  if (at !== step || stopped) return;
  stopped = true;
  process.kill(process.pid, signal);
  // A signal to oneself may arrive a moment later; nothing may happen until then.
  await new Promise((resolve) => setTimeout(resolve, 500));
});
const endMs = Date.now() + 60_000;
await flush({}, { getRemainingTimeInMillis: () => endMs - Date.now() });
