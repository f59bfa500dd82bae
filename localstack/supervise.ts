/** `npm start`: starts a twin, keeps it running, and stops it in order when asked, or when its parent has gone. */
import { killRecorded } from './processes/state-file.ts';
import { readyScreen, say, sayFailure } from './screen.ts';
import { twinSettings } from './settings.ts';
import { startTwin, type Twin } from './twin.ts';

const parentEveryMs = 500;
const sameRequestMs = 1_000;
const parent = process.ppid;

async function main(): Promise<void> {
  const settings = twinSettings();
  const ending = new AbortController();
  let twin: Twin | undefined;
  let endingSince = 0;
  const requestStop = (reason: string): void => {
    if (ending.signal.aborted) {
      // One Ctrl-C comes several times: from the terminal, from npm and from the shell between.
      if (performance.now() - endingSince < sameRequestMs) return;
      killRecorded(settings.dataDir);
      process.exit(1);
    }
    say(`\n${reason}: stopping (ask again to force)`);
    endingSince = performance.now();
    ending.abort(reason);
    // While the start is under way it ends by the signal, and `main` below says so.
    if (twin !== undefined) void twin.stop().then(farewell, fail);
  };
  process.on('SIGINT', () => requestStop('interrupted'));
  process.on('SIGTERM', () => requestStop('asked to end'));
  process.on('SIGHUP', () => requestStop('the terminal has closed'));
  // npm and shells do not always hand a signal on: that the parent has gone is what can be relied upon.
  setInterval(() => {
    if (process.ppid !== parent && !ending.signal.aborted) requestStop('the parent process has gone');
  }, parentEveryMs).unref();
  try {
    twin = await startTwin(settings, say, ending.signal);
  } catch (cause) {
    if (!ending.signal.aborted) throw cause;
    farewell();
  }
  if (twin !== undefined) say(readyScreen(twin.endpoints(), settings.dataDir));
}

function farewell(): void {
  say('stopped; the data stays');
  process.exit(0);
}

function fail(reason: unknown): void {
  sayFailure(reason);
  process.exit(1);
}

main().catch(fail);
