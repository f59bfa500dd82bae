/** The options of `import` that say what is in the file and how it becomes events. */
import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { decodeUtf8 } from '../../shared/events/utf8.ts';
import { UserError } from '../processes/user-error.ts';
import { type FileForm, fileForms } from './file-form.ts';
import { type ColumnOptions, mappingShape } from './mapping.ts';
import { type PresetName, presetLines, presetNames, presetOf } from './presets.ts';
import type { NamedMapping } from './read-rows.ts';
import { factorOf, quantityUnitNames, type TimeUnit, timeUnits } from './units.ts';

export interface FileOptions {
  readonly format?: FileForm;
  readonly from?: PresetName;
  readonly map?: string;
  readonly organization?: string;
  readonly metric?: string;
  readonly quantity?: string;
  readonly quantityUnit?: string;
  readonly key?: readonly string[];
  readonly time?: string;
  readonly timeUnit?: TimeUnit;
  readonly timeZone?: string;
  readonly properties?: readonly string[];
}

export function addFileOptions(command: Command): void {
  command
    .option(
      '--format <format>',
      `How rows are written: ${fileForms.join(', ')}. Default: by the first bytes.`,
      oneOf(fileForms),
    )
    .option(
      '--from <program>',
      'Whose file it is, one of those below. Default: by the columns of the first row.',
      oneOf(presetNames),
    )
    .option('--map <file>', 'A mapping as JSON; its members win over those of --from. Default: none.')
    .option('--organization <column>', 'Column of the organization, or =name. Default: organization_id.')
    .option('--metric <column>', 'Column of the metric, or =name. Default: metric_name.')
    .option('--quantity <column>', 'Column of the quantity, or =1 to count rows. Default: quantity.')
    .option(
      '--quantity-unit <unit>',
      `What one of it is: a factor, ${quantityUnitNames.join(', ')}. Default: 1.`,
      quantityUnit,
    )
    .option('--key <columns>', 'Columns that make a row what it is. Default: idempotency_key.', columnList)
    .option('--time <column>', 'Column of the event time. Default: timestamp.')
    .option(
      '--time-unit <unit>',
      `Numbers in it count since 1970: ${timeUnits.join(', ')}. Default: no numbers.`,
      oneOf(timeUnits),
    )
    .option('--time-zone <offset>', 'Of times without one: Z, +hh:mm or -hh:mm. Default: none.', timeZone)
    .option('--properties <columns>', 'Columns that are kept with the event. Default: none.', columnList);
}

function oneOf<Name extends string>(names: readonly Name[]): (text: string) => Name {
  return (text) => {
    const found = names.find((name) => name === text);
    if (found !== undefined) return found;
    throw new InvalidArgumentError(`It must be one of ${names.join(', ')}.`);
  };
}

export const fileHelp = `
FILE is JSON Lines, a JSON list, CSV or TSV in UTF-8, plain or packed by gzip or zstd; its first bytes say which. It is
a path, an http address of this machine, or - for the standard input. A column may be a path of members: payload.value.
Without options a row is an event as the API takes it, or of a program that is known by its columns:
${presetLines.join('\n')}

Quantities are exact: digits of the file, never a float. --quantity-unit multiplies them into bytes, seconds or pieces.
--map takes a file of the shape of localstack/importing/presets/*.json. There a list of columns means the first that
has a value, and =text a constant.`;

function quantityUnit(text: string): string {
  if (factorOf(text) !== null) return text;
  throw new InvalidArgumentError(`It must be a decimal or one of ${quantityUnitNames.join(', ')}.`);
}

function timeZone(text: string): string {
  if (mappingShape.shape.time_zone.safeParse(text).success) return text;
  throw new InvalidArgumentError('It must be Z, +hh:mm or -hh:mm.');
}

function columnList(text: string): readonly string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.every((name) => name !== '')) return names;
  throw new InvalidArgumentError('It must be names of columns with commas between them.');
}

/** Undefined where no option names a column, so that the first row may say what the file is. */
export function columnsOf(options: FileOptions): ColumnOptions | undefined {
  const { organization, metric, quantity, quantityUnit: unit, key, time, properties } = options;
  const columns = {
    ...{ organization, metric, quantity, quantity_unit: unit, key: key && [...key], time },
    ...{
      time_unit: options.timeUnit,
      time_zone: options.timeZone,
      properties: properties && [...properties],
    },
  };
  return Object.values(columns).some((value) => value !== undefined) ? columns : undefined;
}

/** Throws with the file's name where it holds no mapping. */
export async function mappingOf({ from, map }: FileOptions): Promise<NamedMapping | undefined> {
  const preset = from === undefined ? {} : presetOf(from);
  if (map === undefined) return from === undefined ? undefined : { name: from, rules: preset };
  const bytes = await readFile(map).catch((cause: unknown) => {
    throw new UserError(`There is no file ${map} that can be read.`, { cause });
  });
  const parsed = mappingShape.safeParse(parsedJson(decodeUtf8(bytes) ?? ''));
  if (parsed.success) return { name: map, rules: { ...preset, ...parsed.data } };
  throw new UserError(`${map} does not hold a mapping: ${z.prettifyError(parsed.error)}`);
}

/** Undefined, which is no mapping either, where the text is not JSON. */
function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
