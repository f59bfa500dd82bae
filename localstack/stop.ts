/** `odometer stop`: stops the twin that runs on the data directory, or what a killed supervisor left of it. */
import type { Command } from 'commander';
import type { Report } from '../shared/contracts/command.ts';
import { signalExactly } from './processes/identity.ts';
import { runningSupervisor, stopLeftovers, waitUntilGone } from './processes/state-file.ts';
import { say } from './screen.ts';
import { twinSettings } from './settings.ts';

const stopMs = 60_000;

export function define(command: Command, report: Report): void {
  command
    .description(
      'Stops the local twin that runs on the data directory, or what is left of one whose supervisor was killed. ' +
        'The data stays.',
    )
    .addHelpText('after', '\nExample: odometer stop')
    .action(() => stop(report));
}

async function stop(report: Report): Promise<void> {
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
  const ran = supervisor !== undefined || left.length > 0;
  report({
    json: { dataDir, supervisor: supervisor?.pid ?? null, left },
    text: ran ? 'stopped; the data stays' : `nothing runs on ${dataDir}`,
  });
}
