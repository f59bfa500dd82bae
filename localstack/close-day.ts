/** `odometer operate close-day`: the only way in which counted rows go. */
import { type Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import type { Report } from '../shared/contracts/command.ts';
import { formatDay, parseDay } from '../shared/events/calendar.ts';
import { askOperator } from './operating/ask-operator.ts';

const shard = z.number();
const dropped = { leavesDropped: z.number(), unfinished: z.string().nullable() };
const counted = z.object({ total: z.string(), count: z.number() });
const closingsSchema = z.array(
  z.discriminatedUnion('kind', [
    z.object({ shard, kind: z.literal('closed'), ...dropped }),
    z.object({ shard, kind: z.literal('closed_already'), ...dropped }),
    z.object({ shard, kind: z.literal('too_young'), acceptedUntilMs: z.number() }),
    z.object({
      ...{ shard, kind: z.literal('not_committed'), acceptedUntilMs: z.number() },
      partitions: z.array(z.number()),
    }),
    z.object({ shard, kind: z.literal('too_many_days'), first: z.number() }),
    z.object({ shard, kind: z.literal('changed'), days: z.array(z.string()) }),
    z.object({
      ...{ shard, kind: z.literal('differs'), day: z.string() },
      commits: z.array(z.object({ partition: z.number(), sequence: z.number().nullable() })),
      totals: z.array(
        z.object({
          ...{ partition: z.number(), organization: z.string(), metric: z.string(), quarterMs: z.number() },
          ...{ rows: counted, rollup: counted },
        }),
      ),
    }),
    z.object({ shard, kind: z.literal('failed'), code: z.string(), message: z.string() }),
  ]),
);
type ShardClosing = z.output<typeof closingsSchema>[number];

export function define(command: Command, report: Report): void {
  command
    .description(
      'Closes a day and every day before it: totals stay, rows go, later events of it are quarantined.',
    )
    .argument('<day>', 'YYYY-MM-DD, in UTC.', toDay)
    .requiredOption('--by <who>', 'Who decided. Required.')
    .requiredOption('--why <reason>', 'Why the rows may go. Required.')
    .addHelpText(
      'after',
      '\nExit code 3: a shard refused or failed, or some tables of closed days are still there.\n\nExample: odometer operate close-day 2026-01-31 --by "A. Person" --why "kept as long as promised"',
    )
    .action(async (day: string, { by, why }: { readonly by: string; readonly why: string }) => {
      const closings = await askOperator({ verb: 'close-day', day, by, why }, closingsSchema);
      const lines = closings.map((closing) => `shard ${closing.shard}: ${sentenceOf(closing)}`);
      report({ json: closings, text: lines.join('\n'), found: closings.some(isUnfinished) });
    });
}

function isUnfinished(closing: ShardClosing): boolean {
  if (closing.kind !== 'closed' && closing.kind !== 'closed_already') return true;
  return closing.unfinished !== null;
}

function sentenceOf(closing: ShardClosing): string {
  switch (closing.kind) {
    case 'closed':
      return `closed, ${droppedOf(closing)}`;
    case 'closed_already':
      return `was closed before, ${droppedOf(closing)}`;
    case 'too_young':
      return `events of the day are accepted until ${new Date(closing.acceptedUntilMs).toISOString()}`;
    case 'not_committed': {
      const until = new Date(closing.acceptedUntilMs).toISOString();
      const of = closing.partitions.join(', ');
      return `what was accepted until ${until} may not be committed, or is halted, in partitions ${of}`;
    }
    case 'too_many_days':
      return `too many days at once: close ${formatDay(closing.first)} first`;
    case 'changed':
      return closing.days.length === 0
        ? 'another closing was made meanwhile: ask again'
        : `events of ${closing.days.join(', ')} were counted meanwhile: ask again when no more come`;
    case 'differs':
      return differencesOf(closing);
    case 'failed':
      return `${closing.code}: ${closing.message}; ask again`;
  }
}

function droppedOf({ leavesDropped, unfinished }: Extract<ShardClosing, { readonly unfinished: unknown }>) {
  const tables = `${leavesDropped} tables dropped`;
  return unfinished === null ? tables : `${tables}, others are left, ask again: ${unfinished}`;
}

function differencesOf({
  day,
  commits,
  totals,
}: Extract<ShardClosing, { readonly kind: 'differs' }>): string {
  const rows = commits.map(({ partition, sequence }) => {
    return sequence === null
      ? `partition ${partition} has rows that no commit inserted`
      : `the rows of commit ${sequence} of partition ${partition} are not what was counted`;
  });
  const sums = totals.map(({ partition, organization, metric, quarterMs, rows, rollup }) => {
    const quarter = new Date(quarterMs).toISOString();
    const of = `${organization} ${metric} at ${quarter} in partition ${partition}`;
    return `${of}: rows ${rows.total} of ${rows.count}, total ${rollup.total} of ${rollup.count}`;
  });
  const lines = [...rows, ...sums].map((line) => `\n  ${line}`);
  return `${day} was changed, nothing is closed; \`odometer verify\` names all of it${lines.join('')}`;
}

function toDay(text: string): string {
  if (parseDay(text) !== null) return text;
  throw new InvalidArgumentError('It must be a day: YYYY-MM-DD.');
}
