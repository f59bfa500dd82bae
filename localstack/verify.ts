/** `odometer verify`, which is also `odometer operate verify`: recomputes the proof of every commit. */
import { readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import type { Report } from '../shared/contracts/command.ts';
import { askOperator } from './operating/ask-operator.ts';

const headsSchema = z.object({ heads: z.array(z.unknown()) });
const sumSchema = z.object({
  ...{ total: z.string(), count: z.number() },
  ...{ minimum: z.string().nullable(), maximum: z.string().nullable(), latest: z.string().nullable() },
});
const verdictsSchema = z.array(
  z.looseObject({
    shard: z.number(),
    commits: z.number(),
    heads: z.array(z.looseObject({ partition: z.number(), sequence: z.number(), loggedTo: z.number() })),
    bad: z.array(
      z.looseObject({ partition: z.number(), sequence: z.number().nullable(), problem: z.string() }),
    ),
    totals: z.array(
      z.looseObject({
        ...{ partition: z.number(), organization: z.string(), metric: z.string(), quarter: z.string() },
        ...{ dimensions: z.string() },
        ...{ rows: sumSchema, rollup: sumSchema },
      }),
    ),
  }),
);
type Verdicts = z.output<typeof verdictsSchema>;

export function define(command: Command, report: Report): void {
  command
    .description(
      'Recomputes the proof of every commit and total of the local twin, and names the first changed ones.',
    )
    .option(
      '--heads <file>',
      'Lines of the flusher’s log; the heads in them must be in the chains. Default: none are compared.',
      readHeads,
    )
    .addHelpText(
      'after',
      '\nExit code 3: a commit, a row or a total was changed.\n\nExample: odometer verify --json',
    )
    .action(async ({ heads = [] }: { readonly heads?: readonly unknown[] }) => {
      const verdicts = await askOperator({ verb: 'verify', heads }, verdictsSchema);
      const found = verdicts.some(({ bad, totals }) => bad.length + totals.length > 0);
      report({ json: verdicts, text: textOf(verdicts), found });
    });
}

function textOf(verdicts: Verdicts): string {
  const lines = verdicts.flatMap(({ shard, commits, heads, bad, totals }) => [
    `shard ${shard}: ${commits} commits, ${bad.length + totals.length === 0 ? 'as committed' : 'CHANGED'}`,
    ...bad.map(({ partition, sequence, problem }) => {
      return `  partition ${partition}, commit ${sequence ?? 'unknown'}: ${problem}`;
    }),
    ...totals.map(({ partition, organization, metric, dimensions, quarter, rows, rollup }) => {
      const name = dimensions === '' ? metric : `${metric} ${dimensions}`;
      const sums = `rows ${sumText(rows)}, total ${sumText(rollup)}`;
      return `  partition ${partition}, ${organization} ${name}, quarter hour ${quarter}: ${sums}`;
    }),
    ...heads
      .filter(({ sequence, loggedTo }) => loggedTo > 0 && sequence > loggedTo)
      .map(({ partition, sequence, loggedTo }) => {
        return `  partition ${partition}: commits ${loggedTo + 1} to ${sequence} are younger than the last logged head, unprotected`;
      }),
  ]);
  const someLogged = verdicts.some(({ heads }) => heads.some(({ loggedTo }) => loggedTo > 0));
  if (!someLogged) lines.push('No logged heads were compared: a chain that was computed anew is not found.');
  return lines.join('\n');
}

function sumText({ total, count, minimum, maximum, latest }: z.output<typeof sumSchema>): string {
  const events = count === 0 ? '' : ` (smallest ${minimum}, largest ${maximum}, latest ${latest})`;
  return `${total} in ${count} events${events}`;
}

/** Every head of the lines `ledger heads`; what else the log holds is passed over. */
function readHeads(file: string): readonly unknown[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  const heads = lines.flatMap((line, i) =>
    line.includes('"ledger heads"') ? headsOf(line, { number: i + 1, isLast: i === lines.length - 1 }) : [],
  );
  // A quiet partition's head is logged every minute; the operator takes so many only.
  const different = new Map(heads.map((head) => [JSON.stringify(head), head]));
  if (different.size > 0) return [...different.values()];
  throw new InvalidArgumentError('It has no line "ledger heads", which the flusher writes once a minute.');
}

/** The last line may be cut off, because the flusher is writing it. */
function headsOf(
  line: string,
  at: { readonly number: number; readonly isLast: boolean },
): readonly unknown[] {
  try {
    return headsSchema.parse(JSON.parse(line)).heads;
  } catch (error) {
    if (at.isLast) return [];
    throw new InvalidArgumentError(
      `Line ${at.number} is damaged: ${error instanceof Error ? error.message : ''}`,
    );
  }
}
