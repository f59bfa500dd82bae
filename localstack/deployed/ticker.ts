/**
 * The schedules of a deployed flusher where no scheduler fires: reads them from the synthesized template and invokes
 * the deployed function for each once a minute, as `localstack/runtime/flusher.ts` does in process.
 */

import { processEnvironment } from '../../shared/runtime/process/environment.ts';
import { createLogger } from '../../shared/runtime/process/pino-logger.ts';
import { systemClock } from '../../shared/runtime/process/system-clock.ts';
import { onStop } from '../runtime/on-stop.ts';
import { runSchedule } from '../runtime/scheduler.ts';
import { deployedInvoke } from './invoke.ts';
import { type DeployedOptions, runStandIn, standIn } from './stand-in.ts';
import { deployedName, readSchedules } from './template.ts';

const logger = createLogger('ticker', processEnvironment());

await runStandIn(standIn('ticker', 'Ticks for the schedules of a deployed App stack.').action(tick));

async function tick({ stack, template }: DeployedOptions): Promise<void> {
  let stopped = false;
  const schedules = await Promise.all(
    readSchedules(template).map(async ({ functionId, input }) => {
      return { input, invoke: deployedInvoke(await deployedName(stack, functionId)) };
    }),
  );
  const ended = Promise.all(
    schedules.map(({ input, invoke }) =>
      runSchedule({
        invoke: async () => logger.info({ input, report: await invoke(input) }, 'ticked'),
        clock: systemClock,
        logger,
        stopping: () => stopped,
      }),
    ),
  );
  onStop(async () => {
    stopped = true;
    await ended;
  });
  logger.info({ schedules: schedules.length }, 'the schedules run');
}
