/** `odometer start`: starts a twin, keeps it running, and stops it in order when asked, or when its parent has gone. */
import { once } from 'node:events';
import type { Command } from 'commander';
import type { Report } from '../shared/contracts/command.ts';
import { apiPortDefault, endpointsFileOf } from '../shared/contracts/endpoints.ts';
import { ENV_DATA_DIR, ENV_PORT } from '../shared/contracts/env.ts';
import { killRecorded } from './processes/state-file.ts';
import { readyScreen, say } from './screen.ts';
import { twinSettings } from './settings.ts';
import { startTwin, type Twin } from './twin.ts';

const parentEveryMs = 500;
const sameRequestMs = 1_000;

export function define(command: Command, report: Report): void {
  command
    .description(
      'Starts real servers and the whole pipeline on this machine, and keeps them running until Ctrl-C. The result ' +
        'is printed when the API is ready. The data stays.',
    )
    .addHelpText(
      'after',
      `\nThe environment moves it: ${ENV_PORT} (${apiPortDefault}) and ${ENV_DATA_DIR} (.odometer).\n\nExample: odometer start`,
    )
    .action(() => supervise(report));
}

async function supervise(report: Report): Promise<void> {
  const settings = twinSettings();
  const { dataDir } = settings;
  const ending = stopRequests(dataDir);
  const twin = await startUnlessAsked(settings, ending);
  if (twin !== undefined) {
    const endpoints = twin.endpoints();
    report({
      json: { api: endpoints.api, dataDir, endpoints: endpointsFileOf(dataDir) },
      text: readyScreen(endpoints, dataDir),
    });
    if (!ending.aborted) await once(ending, 'abort');
    await twin.stop();
  }
  say('stopped; the data stays');
}

/** A start that is asked to end has stopped what it started, and returns nothing. */
async function startUnlessAsked(
  settings: Parameters<typeof startTwin>[0],
  ending: AbortSignal,
): Promise<Twin | undefined> {
  try {
    return await startTwin(settings, say, ending);
  } catch (cause) {
    if (!ending.aborted) throw cause;
    return undefined;
  }
}

/** Is aborted when this process is asked to end; a second request ends everything at once. */
function stopRequests(dataDir: string): AbortSignal {
  const parent = process.ppid;
  const ending = new AbortController();
  let endingSince = 0;
  const requestStop = (reason: string): void => {
    if (ending.signal.aborted) {
      // One Ctrl-C comes several times: from the terminal, from npm and from the shell between.
      if (performance.now() - endingSince < sameRequestMs) return;
      killRecorded(dataDir);
      process.exit(1);
    }
    say(`\n${reason}: stopping (ask again to force)`);
    endingSince = performance.now();
    ending.abort(reason);
  };
  process.on('SIGINT', () => requestStop('interrupted'));
  process.on('SIGTERM', () => requestStop('asked to end'));
  process.on('SIGHUP', () => requestStop('the terminal has closed'));
  // npm and shells do not always hand a signal on: that the parent has gone is what can be relied upon.
  setInterval(() => {
    if (process.ppid !== parent && !ending.signal.aborted) requestStop('the parent process has gone');
  }, parentEveryMs).unref();
  return ending.signal;
}
