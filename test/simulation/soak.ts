/** `odometer soak`: simulated histories, one seed after another, until one must not be. */
import { type Command, InvalidArgumentError } from 'commander';
import type { Report } from '../../shared/contracts/command.ts';
import { runHistory } from './history.ts';
import { search, shrink, toScriptText } from './search.ts';

interface Options {
  readonly first: number;
  readonly seeds: number;
}

const seedsAtOnce = 2000;

export function define(command: Command, report: Report): void {
  command
    .description('Runs simulated histories of the pipeline and looks for one that counts wrong.')
    .option('--first <seed>', 'The first seed.', toNatural, 0)
    .option(
      '--seeds <count>',
      'How many; give a large number to search for as long as wanted.',
      toNatural,
      10_000,
    )
    .addHelpText(
      'after',
      '\nExit code 3: a seed failed; it is shown as a short script for test/simulation/kept.\n' +
        '\nExample: odometer soak --first 1234 --seeds 1',
    )
    .action(async ({ first, seeds }: Options) => {
      for (let at = first; at < first + seeds; at += seedsAtOnce) {
        const count = Math.min(seedsAtOnce, first + seeds - at);
        const { failures } = await search({ first: at, count, failuresMax: 1 });
        const [failure] = failures;
        if (failure !== undefined) {
          const script = await shrink(failure);
          const { violation } = await runHistory(script);
          const text = `seed ${failure.seed}: ${failure.violation}\nshort: ${violation}\n${toScriptText(script)}`;
          report({ json: { ...failure, script }, text, found: true });
          return;
        }
        process.stderr.write(`seeds ${first} to ${at + count - 1} hold\n`);
      }
      report({ json: { first, seeds, failures: [] }, text: `${seeds} seeds hold` });
    });
}

function toNatural(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}
