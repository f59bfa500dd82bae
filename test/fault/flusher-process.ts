/**
 * A real flusher that stops at a step of its first commit: `flusher-process.ts STEP SIGNAL`. It sends the
 * signal to itself there, so that nothing after that step runs (SIGKILL) or runs later (SIGSTOP).
 */
import { start } from '../../functions/flusher/handler.ts';
import { functionStart } from '../../shared/runtime/process/function-start.ts';

const [, , step, signal] = process.argv;
let stopped = false;
async function stopAtStep(at: string): Promise<void> {
  if (at !== step || stopped) return;
  stopped = true;
  process.kill(process.pid, signal);
  // A signal to oneself may arrive a moment later; nothing may happen until then.
  await new Promise((resolve) => setTimeout(resolve, 500));
}

const { started } = functionStart('flusher', (given) => start(given, stopAtStep));
const flush = await started();
const endMs = Date.now() + 60_000;
await flush({}, { getRemainingTimeInMillis: () => endMs - Date.now() });
