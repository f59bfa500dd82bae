/** Entry of the `flusher` process: the schedule in front of the flusher function. */
import { flusherTimeoutMs } from '../../shared/limits.ts';
import { processEnvironment } from '../../shared/runtime/process/environment.ts';
import { createLogger } from '../../shared/runtime/process/pino-logger.ts';
import { systemClock } from '../../shared/runtime/process/system-clock.ts';
import { createInvoke } from './invoke.ts';
import { loadHandler } from './load-handler.ts';
import { onStop } from './on-stop.ts';
import { runSchedule } from './scheduler.ts';

const name = 'flusher';
const logger = createLogger(name, processEnvironment());
let stopped = false;
const stopping = () => stopped;
const handler = await loadHandler(name);
const invoke = createInvoke({ name, handler, timeoutMs: flusherTimeoutMs, logger, stopping });
const ended = runSchedule({ invoke, clock: systemClock, logger, stopping });
logger.info({}, 'the schedule runs');
onStop(() => {
  stopped = true;
  return ended;
});
