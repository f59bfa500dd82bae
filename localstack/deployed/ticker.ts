/**
 * The schedule of a deployed flusher where no scheduler fires: reads it from the synthesized template and invokes
 * the deployed function once a minute, as `localstack/runtime/flusher.ts` does in process.
 */

import { processEnvironment } from '../../shared/runtime/process/environment.ts';
import { createLogger } from '../../shared/runtime/process/pino-logger.ts';
import { systemClock } from '../../shared/runtime/process/system-clock.ts';
import { onStop } from '../runtime/on-stop.ts';
import { runSchedule } from '../runtime/scheduler.ts';
import { deployedInvoke } from './invoke.ts';
import { type DeployedOptions, runStandIn, standIn } from './stand-in.ts';
import { deployedName, readSchedule } from './template.ts';

const logger = createLogger('ticker', processEnvironment());

await runStandIn(standIn('ticker', 'Ticks for the schedule of a deployed App stack.').action(tick));

async function tick({ stack, template }: DeployedOptions): Promise<void> {
  const functionName = await deployedName(stack, readSchedule(template).functionId);
  let stopped = false;
  const invoke = deployedInvoke(functionName);
  const ended = runSchedule({
    invoke: async (event) => logger.info({ report: await invoke(event) }, 'ticked'),
    clock: systemClock,
    logger,
    stopping: () => stopped,
  });
  onStop(() => {
    stopped = true;
    return ended;
  });
  logger.info({ functionName }, 'the schedule runs');
}
