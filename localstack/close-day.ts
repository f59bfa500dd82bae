/** `odometer operate close-day`: the only way in which counted rows go. */
import { type Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import type { Report } from '../shared/contracts/command.ts';
import { formatDay, parseDay } from '../shared/events/calendar.ts';
import { askOperator } from './operating/ask-operator.ts';

const shard = z.number();
const closingsSchema = z.array(
  z.discriminatedUnion('kind', [
    z.object({ shard, kind: z.literal('closed'), leavesDropped: z.number() }),
    z.object({ shard, kind: z.literal('closed_already'), leavesDropped: z.number() }),
    z.object({ shard, kind: z.literal('too_young'), acceptedUntilMs: z.number() }),
    z.object({
      ...{ shard, kind: z.literal('not_committed'), acceptedUntilMs: z.number() },
      partitions: z.array(z.number()),
    }),
    z.object({ shard, kind: z.literal('too_many_days'), first: z.number() }),
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
      '\nExit code 3: a shard refused.\n\nExample: odometer operate close-day 2026-01-31 --by "A. Person" --why "kept as long as promised"',
    )
    .action(async (day: string, { by, why }: { readonly by: string; readonly why: string }) => {
      const closings = await askOperator({ verb: 'close-day', day, by, why }, closingsSchema);
      const lines = closings.map((closing) => `shard ${closing.shard}: ${sentenceOf(closing)}`);
      const found = closings.some(({ kind }) => kind !== 'closed' && kind !== 'closed_already');
      report({ json: closings, text: lines.join('\n'), found });
    });
}

function sentenceOf(closing: ShardClosing): string {
  switch (closing.kind) {
    case 'closed':
      return `closed, ${closing.leavesDropped} tables dropped`;
    case 'closed_already':
      return `was closed before, ${closing.leavesDropped} tables dropped`;
    case 'too_young':
      return `events of the day are accepted until ${new Date(closing.acceptedUntilMs).toISOString()}`;
    case 'not_committed': {
      const until = new Date(closing.acceptedUntilMs).toISOString();
      const of = closing.partitions.join(', ');
      return `what was accepted until ${until} may not be committed, or is halted, in partitions ${of}`;
    }
    case 'too_many_days':
      return `too many days at once: close ${formatDay(closing.first)} first`;
  }
}

function toDay(text: string): string {
  if (parseDay(text) !== null) return text;
  throw new InvalidArgumentError('It must be a day: YYYY-MM-DD.');
}
