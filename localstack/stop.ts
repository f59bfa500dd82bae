/** `npm stop`: stops the twin that runs on the data directory, or what a killed supervisor left of it. */
import { signalExactly } from './processes/identity.ts';
import { runningSupervisor, stopLeftovers, waitUntilGone } from './processes/state-file.ts';
import { say, sayFailure } from './screen.ts';
import { twinSettings } from './settings.ts';

const stopMs = 60_000;

async function main(): Promise<void> {
  const { dataDir } = twinSettings();
  const supervisor = runningSupervisor(dataDir);
  if (supervisor !== undefined) {
    say(`stopping the supervisor, process ${supervisor.pid}`);
    signalExactly(supervisor, 'SIGTERM');
    if (!(await waitUntilGone([supervisor], stopMs))) signalExactly(supervisor, 'SIGKILL');
    await waitUntilGone([supervisor], stopMs);
  }
  const left = await stopLeftovers(dataDir);
  if (left.length > 0) say(`stopped what an earlier supervisor left: ${left.join(', ')}`);
  if (supervisor === undefined && left.length === 0) say(`nothing runs on ${dataDir}`);
  else say('stopped; the data stays');
}

main().catch((reason: unknown) => {
  sayFailure(reason);
  process.exit(1);
});
