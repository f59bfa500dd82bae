/** `odometer mutants [NAME...]`: whether the tests notice when a rule is broken on purpose. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { UserError } from '../../localstack/processes/user-error.ts';
import type { Report } from '../../shared/contracts/command.ts';
import { mutants } from './list.ts';
import type { Mutant } from './mutant.ts';
import { Workshop } from './processes.ts';
import { runMutants, verdicts } from './run-mutants.ts';
import { git } from './tree.ts';

const resultFile = join(import.meta.dirname, 'result.json');
const resultsSchema = z.array(
  z.object({ name: z.string(), verdict: z.enum(verdicts), why: z.string(), commit: z.string() }),
);

/** What the last run of a mutant has shown, and the commit that it ran on. */
type KeptResult = z.output<typeof resultsSchema>[number];

export function define(command: Command, report: Report): void {
  command
    .description(
      'Breaks one rule after another in a copy of the clone, and runs the test that has to notice. Each result is ' +
        'kept in test/mutants/result.json.',
    )
    .argument('[name...]', 'The only mutants to run. Default: all of them.')
    .addHelpText('after', '\nExit code 3: a mutant was not noticed.\n\nExample: odometer mutants')
    .action(async (names: readonly string[]) => {
      const chosen = names.length === 0 ? mutants : names.map(mutantOf);
      const results = await runAll(chosen);
      const killed = results.filter(({ verdict }) => verdict === 'killed').length;
      const others = results.filter(({ verdict }) => verdict !== 'killed');
      const lines = others.map(({ name, verdict, why }) => `${verdict}: ${name} (${why})`);
      const text = [...lines, `${killed} of ${results.length} mutants killed`].join('\n');
      report({ json: { killed, total: results.length, mutants: results }, text, found: others.length > 0 });
    });
}

function mutantOf(name: string): Mutant {
  const mutant = mutants.find((one) => one.name === name);
  if (mutant === undefined)
    throw new UserError(`There is no mutant “${name}”; test/mutants/list names them.`);
  return mutant;
}

async function runAll(chosen: readonly Mutant[]): Promise<readonly KeptResult[]> {
  // A plus says that files differ from the commit.
  const commit = git('rev-parse', 'HEAD') + (git('status', '--porcelain') === '' ? '' : '+');
  const workshop = new Workshop();
  const interrupted = (): void => {
    void workshop.close().finally(() => process.exit(1));
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  const results = new Map<string, KeptResult>();
  try {
    await runMutants(chosen, workshop, (result) => {
      const { name, verdict, why } = result;
      process.stderr.write(`${verdict}: ${name}${verdict === 'killed' ? '' : ` (${why})`}\n`);
      results.set(name, { ...result, commit });
      keep(results);
    });
  } finally {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
    await workshop.close();
  }
  return chosen.flatMap(({ name }) => results.get(name) ?? []);
}

/** Keeps results beside those of mutants that did not run this time, in the order of the list. */
function keep(results: ReadonlyMap<string, KeptResult>): void {
  const before = existsSync(resultFile) ? readFileSync(resultFile, 'utf8') : '[]';
  const kept = new Map(resultsSchema.parse(JSON.parse(before)).map((result) => [result.name, result]));
  const all = mutants.flatMap(({ name }) => results.get(name) ?? kept.get(name) ?? []);
  writeFileSync(resultFile, `${JSON.stringify(all, null, 2)}\n`);
}
