/** `odometer operate VERB`: the verbs of the operator function, on the local twin. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import type { Report } from '../shared/contracts/command.ts';
import { listedRowsMax } from '../shared/limits.ts';
import { define as defineCloseDay } from './close-day.ts';
import { askOperator } from './operating/ask-operator.ts';
import { UserError } from './processes/user-error.ts';
import { define as defineVerify } from './verify.ts';

const place = { shard: z.number(), partition: z.number() };
const migratedSchema = z.array(z.looseObject({ shard: z.number(), applied: z.array(z.string()) }));
const haltsSchema = z.array(
  z.looseObject({
    ...place,
    nextOffset: z.number(),
    halt: z.looseObject({ code: z.string(), reason: z.string(), atMs: z.number() }),
  }),
);
const quarantineSchema = z.array(
  z.looseObject({
    ...place,
    offset: z.number(),
    index: z.number(),
    code: z.string(),
    quarantinedAtMs: z.number(),
    bytes: z.string(),
    cursor: z.string(),
  }),
);
const conflictsSchema = z.array(
  z.looseObject({
    ...place,
    offset: z.number(),
    index: z.number(),
    organization: z.string(),
    keyHash: z.string(),
    day: z.string(),
    firstDay: z.string(),
    firstOffset: z.number(),
    firstIndex: z.number(),
    foundAtMs: z.number(),
    cursor: z.string(),
  }),
);
const resumedSchema = z.object({
  outcome: z.enum(['resumed', 'unknown_partition', 'not_halted', 'offset_below_next']),
});

interface ListOptions {
  readonly rows: number;
  readonly before?: string;
}

interface ResumeOptions {
  readonly by: string;
  readonly why: string;
  readonly skipTo?: number;
  readonly restartAt?: number;
  readonly topicId?: string;
}

export function define(command: Command, report: Report): void {
  command
    .description('Operates the local twin that runs on the data directory.')
    .addHelpText('after', '\nExample: odometer operate halts');
  defineMigrate(command.command('migrate'), report);
  defineHalts(command.command('halts'), report);
  defineResume(command.command('resume'), report);
  defineQuarantine(command.command('quarantine'), report);
  defineConflicts(command.command('conflicts'), report);
  defineCloseDay(command.command('close-day'), report);
  defineVerify(command.command('verify'), report);
}

function defineMigrate(command: Command, report: Report): void {
  command
    .description('Brings every shard to the newest schema.')
    .addHelpText('after', '\nExample: odometer operate migrate')
    .action(async () => {
      const shards = await askOperator({ verb: 'migrate' }, migratedSchema);
      const lines = shards.map(({ shard, applied }) => {
        return `shard ${shard}: ${applied.length === 0 ? 'has every migration' : `applied ${applied.join(', ')}`}`;
      });
      report({ json: shards, text: lines.join('\n') });
    });
}

function defineHalts(command: Command, report: Report): void {
  command
    .description('Lists the partitions that are halted, and why.')
    .addHelpText('after', '\nExample: odometer operate halts')
    .action(async () => {
      const halts = await askOperator({ verb: 'halts' }, haltsSchema);
      const lines = halts.map(({ shard, partition, nextOffset, halt }) => {
        const since = new Date(halt.atMs).toISOString();
        return `partition ${partition} of shard ${shard}, at offset ${nextOffset} since ${since}: ${halt.code}, ${halt.reason}`;
      });
      report({ json: halts, text: lines.join('\n') || 'no partition is halted' });
    });
}

function defineQuarantine(command: Command, report: Report): void {
  command
    .description('Lists the newest quarantined records, their bytes as base64.')
    .option('--rows <rows>', `How many, up to ${listedRowsMax}.`, toRows, 100)
    .option('--before <cursor>', 'Those that are older than the one with this cursor. Default: the newest.')
    .addHelpText('after', '\nExample: odometer operate quarantine --rows 10')
    .action(async ({ rows, before }: ListOptions) => {
      const records = await askOperator({ verb: 'quarantine', rows, before }, quarantineSchema);
      const lines = records.map(({ partition, offset, index, code, quarantinedAtMs, bytes, cursor }) => {
        return `${cursor} ${new Date(quarantinedAtMs).toISOString()} ${partition}-${offset}-${index} ${code} ${bytes}`;
      });
      report({ json: records, text: lines.join('\n') || 'nothing is quarantined' });
    });
}

function defineConflicts(command: Command, report: Report): void {
  command
    .description('Lists the newest conflicts: the same key with other content, which was not counted.')
    .option('--rows <rows>', `How many, up to ${listedRowsMax}.`, toRows, 100)
    .option('--before <cursor>', 'Those that are older than the one with this cursor. Default: the newest.')
    .addHelpText('after', '\nExample: odometer operate conflicts --rows 10')
    .action(async ({ rows, before }: ListOptions) => {
      const conflicts = await askOperator({ verb: 'conflicts', rows, before }, conflictsSchema);
      const lines = conflicts.map(({ partition, offset, index, organization, keyHash, day, ...conflict }) => {
        const found = new Date(conflict.foundAtMs).toISOString();
        const first = `${partition}-${conflict.firstOffset}-${conflict.firstIndex} of ${conflict.firstDay}`;
        return `${conflict.cursor} ${found} ${partition}-${offset}-${index} ${organization} ${keyHash} of ${day}, counted: ${first}`;
      });
      report({ json: conflicts, text: lines.join('\n') || 'there is no conflict' });
    });
}

function defineResume(command: Command, report: Report): void {
  command
    .description('Lifts the halt of a partition; the decision is kept in the ledger with who and why.')
    .argument('<partition>', 'As `halts` lists it.', toInteger)
    .requiredOption('--by <who>', 'Who decided. Required.')
    .requiredOption('--why <reason>', 'Why it is right to go on. Required.')
    .addOption(
      new Option('--skip-to <offset>', 'Give up the records below this offset. Default: none.')
        .argParser(toInteger)
        .conflicts('restartAt'),
    )
    .option(
      '--restart-at <offset>',
      'A new log starts at this offset; needs --topic-id. Default: the log is the same.',
      toInteger,
    )
    .option('--topic-id <id>', 'The identity of the new log. Default: the log is the same.')
    .addHelpText('after', '\nExample: odometer operate resume 7 --by "A. Person" --why "the broker is back"')
    .action(async (partition: number, options: ResumeOptions) => {
      if (options.restartAt !== undefined && options.topicId === undefined)
        command.error('error: --restart-at needs --topic-id');
      const { outcome } = await askOperator(toResume(partition, options), resumedSchema);
      if (outcome !== 'resumed') throw new UserError(notResumed[outcome](partition));
      report({ json: { partition, outcome }, text: `partition ${partition} goes on` });
    });
}

const notResumed = {
  unknown_partition: (partition: number) => `There is no partition ${partition}.`,
  not_halted: (partition: number) =>
    `Partition ${partition} is not halted: \`odometer operate halts\` lists those that are.`,
  offset_below_next: (partition: number) =>
    `Partition ${partition} is committed beyond that offset already: give the offset at which \`odometer operate halts\` lists it, or a later one.`,
} as const;

function toResume(partition: number, { by, why, skipTo, restartAt, topicId }: ResumeOptions): object {
  const resume = { verb: 'resume', partition, by, why };
  if (skipTo !== undefined) return { ...resume, action: { kind: 'skip', offset: skipTo } };
  if (restartAt !== undefined) return { ...resume, action: { kind: 'restart', offset: restartAt, topicId } };
  return resume;
}

function toInteger(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
}

function toRows(text: string): number {
  const rows = toInteger(text);
  if (rows >= 1 && rows <= listedRowsMax) return rows;
  throw new InvalidArgumentError(`It must be from 1 to ${listedRowsMax}.`);
}
