/** `odometer verify`, which is also `odometer operate verify`: recomputes the proof of every commit. */
import { readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import type { Report } from '../shared/contracts/command.ts';
import { askOperator } from './operating/ask-operator.ts';

const headsSchema = z.object({ heads: z.array(z.unknown()) });
const verdictsSchema = z.array(
  z.looseObject({
    shard: z.number(),
    commits: z.number(),
    bad: z.array(
      z.looseObject({ partition: z.number(), sequence: z.number().nullable(), problem: z.string() }),
    ),
  }),
);
type Verdicts = z.output<typeof verdictsSchema>;

export function define(command: Command, report: Report): void {
  command
    .description('Recomputes the proof of every commit of the local twin, and names the first changed ones.')
    .option(
      '--heads <file>',
      'Lines of the flusher’s log; the heads in them must be in the chains. Default: none are compared.',
      readHeads,
    )
    .addHelpText(
      'after',
      '\nExit code 3: a commit or its rows were changed.\n\nExample: odometer verify --json',
    )
    .action(async ({ heads = [] }: { readonly heads?: readonly unknown[] }) => {
      const verdicts = await askOperator({ verb: 'verify', heads }, verdictsSchema);
      const found = verdicts.some(({ bad }) => bad.length > 0);
      report({ json: verdicts, text: textOf(verdicts), found });
    });
}

function textOf(verdicts: Verdicts): string {
  const lines = verdicts.flatMap(({ shard, commits, bad }) => [
    `shard ${shard}: ${commits} commits, ${bad.length === 0 ? 'as committed' : 'CHANGED'}`,
    ...bad.map(({ partition, sequence, problem }) => {
      return `  partition ${partition}, commit ${sequence ?? 'unknown'}: ${problem}`;
    }),
  ]);
  return lines.join('\n');
}

/** Every head of the lines `ledger heads`; what else the log holds is passed over. */
function readHeads(file: string): readonly unknown[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  const heads = lines
    .filter((line) => line.includes('"ledger heads"'))
    .flatMap((line) => headsSchema.parse(JSON.parse(line)).heads);
  if (heads.length > 0) return heads;
  throw new InvalidArgumentError('It has no line "ledger heads", which the flusher writes once a minute.');
}
