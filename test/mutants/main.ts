/** `odometer mutants [NAME...]`: whether the tests notice when a rule is broken on purpose. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { UserError } from '../../localstack/processes/user-error.ts';
import type { Report } from '../../shared/contracts/command.ts';
import { mutants } from './list.ts';
import type { Mutant } from './mutant.ts';
import { Workshop } from './processes.ts';
import { type MutantResult, runMutants } from './run-mutants.ts';
import { git } from './tree.ts';

const resultFile = join(import.meta.dirname, 'result.json');

export function define(command: Command, report: Report): void {
  command
    .description(
      'Breaks one rule after another in a copy of the clone, and runs the test that has to notice. A run of all ' +
        'mutants writes test/mutants/result.json.',
    )
    .argument('[name...]', 'The only mutants to run. Default: all of them.')
    .addHelpText('after', '\nExit code 3: a mutant was not noticed.\n\nExample: odometer mutants')
    .action(async (names: readonly string[]) => {
      const chosen = names.length === 0 ? mutants : names.map(mutantOf);
      const results = await runAll(chosen);
      const killed = results.filter(({ verdict }) => verdict === 'killed').length;
      const summary = { commit: commitNow(), killed, total: results.length, mutants: results };
      if (names.length === 0) writeFileSync(resultFile, `${JSON.stringify(summary, null, 2)}\n`);
      const others = results.filter(({ verdict }) => verdict !== 'killed');
      const lines = others.map(({ name, verdict, why }) => `${verdict}: ${name} (${why})`);
      const text = [...lines, `${killed} of ${results.length} mutants killed`].join('\n');
      report({ json: summary, text, found: others.length > 0 });
    });
}

function mutantOf(name: string): Mutant {
  const mutant = mutants.find((one) => one.name === name);
  if (mutant === undefined)
    throw new UserError(`There is no mutant “${name}”; test/mutants/list names them.`);
  return mutant;
}

/** The commit that the clone is at; a plus says that files differ from it. */
function commitNow(): string {
  return git('rev-parse', 'HEAD') + (git('status', '--porcelain') === '' ? '' : '+');
}

async function runAll(chosen: readonly Mutant[]): Promise<readonly MutantResult[]> {
  const workshop = new Workshop();
  const interrupted = (): void => {
    void workshop.close().finally(() => process.exit(1));
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  try {
    return await runMutants(chosen, workshop, (line) => process.stderr.write(`${line}\n`));
  } finally {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
    await workshop.close();
  }
}
