/**
 * The command line program `odometer`: lists the commands, loads the one that is asked for, and turns its end into
 * an exit code. It is beside the folders and not in one of them, because its commands are in several.
 */
import { inspect } from 'node:util';
import { Command, CommanderError } from 'commander';
import manifest from './package.json' with { type: 'json' };
import type { Report } from './shared/contracts/command.ts';

/** Describes a command's options and its action, which answers by the report. */
type Define = (command: Command, report: Report) => void;
type CommandLine = readonly [verb: string, does: string, load: () => Promise<{ readonly define: Define }>];

/** A new command is a file that exports `define`, and a line here. Only the command that runs is loaded. */
export const commands: readonly CommandLine[] = [
  ['start', 'run everything on this machine until Ctrl-C', () => import('./localstack/supervise.ts')],
  ['stop', 'stop what runs on the data directory', () => import('./localstack/stop.ts')],
  ['import', 'send a file of usage events over HTTP', () => import('./localstack/import.ts')],
  ['recount', 'compare the log with the shards, by code of its own', () => import('./test/recount/main.ts')],
  ['verify', 'recompute the proof of every commit', () => import('./localstack/verify.ts')],
  ['operate', 'list and lift halts, migrate, list the quarantine', () => import('./localstack/operate.ts')],
  ['keys', 'make, list, revoke and rotate API keys', () => import('./localstack/keys.ts')],
  ['token', 'issue a bearer token for the local API', () => import('./localstack/token.ts')],
  ['bench', 'measure what the running system sustains', () => import('./test/bench/main.ts')],
  ['load', 'send single events by Artillery, Locust or ab', () => import('./test/load/main.ts')],
  ['cost', 'estimate what an installation on AWS costs a month', () => import('./infra/cost/main.ts')],
  ['preflight', 'compare an AWS account’s quotas with a stage', () => import('./infra/preflight/main.ts')],
  ['dashboards', 'build the dashboard of Grafana', () => import('./localstack/grafana/build-dashboards.ts')],
  ['soak', 'search simulated histories for a miscount', () => import('./test/simulation/soak.ts')],
  ['test', 'run the tests, one tier or all', () => import('./test/run.ts')],
  [
    'mutants',
    'break rules on purpose, and see whether the tests notice',
    () => import('./test/mutants/main.ts'),
  ],
];

/** The exit codes of every command. */
export const exitCodes = { done: 0, failed: 1, usage: 2, found: 3 } as const;
type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

const conventions = `
Exit codes of every command:
  ${exitCodes.done}  done
  ${exitCodes.failed}  could not be done; standard error holds the reason
  ${exitCodes.usage}  wrong usage: an option, argument or command that does not exist, or a value out of range
  ${exitCodes.found}  done, and something was found: a difference, a refused row, a changed commit, a failed test

Standard output holds the result, with --json as one JSON document; progress goes to standard error.
Inside a clone: npx odometer COMMAND, or npm run COMMAND -- OPTIONS.`;

/** Where the program writes; tests look at it. */
export interface Output {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/** Runs one command line and returns its exit code. */
export async function odometer(args: readonly string[], output: Output): Promise<ExitCode> {
  let ended: ExitCode = exitCodes.done;
  let asJson = false;
  const report: Report = ({ json, text, found = false }) => {
    output.out(`${asJson ? JSON.stringify(json, null, 2) : text}\n`);
    ended = found ? exitCodes.found : exitCodes.done;
  };
  const program = makeProgram(output, report).hook('preAction', (_program, command) => {
    asJson = command.opts()['json'] === true;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return ended;
  } catch (error) {
    // Commander has printed what is wrong, or the page that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    output.err(`${describeFailure(error)}\n`);
    return exitCodes.failed;
  }
}

/** The program with its commands' names; the options of a command come with its file, when it is asked for. */
function makeProgram({ out, err }: Output, report: Report): Command {
  const program = new Command('odometer')
    .description('Usage billing that counts every accepted event exactly once.')
    .version(manifest.version, '-V, --version', 'Print the version.')
    .helpOption('-h, --help', 'Print this page; after a command, its own.')
    .helpCommand(false)
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeOut: out, writeErr: err })
    .showHelpAfterError('Add --help to see how it is used.')
    .addHelpText('after', conventions);
  for (const [verb, does] of commands) program.command(verb).summary(does);
  return program.hook('preSubcommand', async (_program, command) => {
    const [, , load] = commands.find(([verb]) => verb === command.name()) ?? [];
    (await load?.())?.define(command.helpCommand(false), report);
    for (const leaf of command.commands.length > 0 ? command.commands : [command]) {
      leaf.option('--json', 'Print the result as one JSON document. Default: text for people.');
    }
  });
}

/** One sentence where the user can help it; everything else is a defect of ours, with its stack and causes. */
function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return inspect(error);
  if (error.name === 'UserError') return error.message;
  // The operating system's: a file that cannot be read, a server that is not there, a disk that is full.
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return inspect(error);
  return error.message === '' ? code : error.message;
}

if (import.meta.main) {
  // A reader that has gone away must not end `start`, which still has processes to stop.
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
  const code = await odometer(process.argv.slice(2), {
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
  });
  // Whatever a command left open, it has answered.
  process.exit(code);
}
