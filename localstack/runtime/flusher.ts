/**
 * Entry of the `flusher` process, which has the schedules of AWS: one for each shard in front of the flusher function, and
 * one in front of the function `keys`, which compares the shards' API keys.
 */
import { flusherTimeoutMs, keysTimeoutMs, shardCount } from '../../shared/limits.ts';
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
const schedules = Array.from({ length: shardCount }, (_, shard) =>
  runSchedule({ invoke: () => invoke({ shards: [shard] }), clock: systemClock, logger, stopping }),
);
const compare = createInvoke({
  name: 'keys',
  handler: await loadHandler('keys'),
  timeoutMs: keysTimeoutMs,
  logger,
  // It goes on, and the flusher does too: nothing of its work is worth less than a comparison.
  kill: () => undefined,
});
schedules.push(
  runSchedule({ invoke: () => compare({ compare: true }), clock: systemClock, logger, stopping }),
);
const ended = Promise.all(schedules);
logger.info({ schedules: schedules.length }, 'the schedules run');
onStop(async () => {
  stopped = true;
  await ended;
});
