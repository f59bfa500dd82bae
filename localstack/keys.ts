/** `odometer keys VERB`: makes, lists, revokes and rotates API keys by the routes of administrators. */
import { type Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { scopes } from '../shared/callers/caller.ts';
import type { Report } from '../shared/contracts/command.ts';
import { apiKeyDaysMax, apiKeyGraceHoursDefault, apiKeyGraceHoursMax } from '../shared/limits.ts';
import { type Administration, askAdministrators } from './operating/ask-administrators.ts';

const keySchema = z.looseObject({
  key_id: z.string(),
  owner: z.string(),
  scopes: z.array(z.string()),
  organizations: z.union([z.string(), z.array(z.string())]),
  state: z.string(),
  expires_at: z.string().nullable(),
});
const unavailable = z.array(z.string());
const createdSchema = z.looseObject({ ...keySchema.shape, key: z.string(), unavailable });
const rotatedSchema = z.looseObject({ ...createdSchema.shape, replaces: keySchema });
const revokedSchema = z.looseObject({
  ...keySchema.shape,
  refused_within_seconds: z.number(),
  unavailable,
});
const listedSchema = z.looseObject({
  keys: z.array(z.looseObject({ ...keySchema.shape, last_used_at: z.string().nullable() })),
  next_cursor: z.string().optional(),
  unavailable,
});

type ListedKey = z.output<typeof listedSchema>['keys'][number];

interface CreateOptions extends Administration {
  readonly owner: string;
  readonly scopes: string;
  readonly organizations: string;
  readonly keysRequired?: true;
  readonly days?: number;
}

interface ListOptions extends Administration {
  readonly owner?: string;
  readonly ended?: true;
}

interface RotateOptions extends Administration {
  readonly graceHours: number;
  readonly days?: number;
}

export function define(command: Command, report: Report): void {
  command
    .description('Makes, lists, revokes and rotates API keys.')
    .addHelpText('after', '\nExample: odometer keys create --owner platform');
  defineCreate(command.command('create'), report);
  defineList(command.command('list'), report);
  defineRevoke(command.command('revoke'), report);
  defineRotate(command.command('rotate'), report);
}

function defineCreate(command: Command, report: Report): void {
  administrationOptions(
    command
      .description('Makes an API key and prints it. It is shown once: no database has it.')
      .requiredOption('--owner <name>', 'Whose key it is, who may have two. Required.')
      .option('--scopes <scopes>', `What it allows, separated by spaces: ${scopes.join(' ')}.`, 'ingest read')
      .option('--organizations <names>', 'Whose usage: * for all, or names separated by commas.', '*')
      .option('--keys-required', 'Reject events without an idempotency key. Default: a key is made for them.')
      .option('--days <days>', 'How long it is of use. Default: until it is revoked.', toDays),
  )
    .addHelpText('after', '\nExample: odometer keys create --owner platform --scopes "ingest" --days 90')
    .action(async (options: CreateOptions) => {
      const { owner, organizations, days } = options;
      const body = {
        ...{ owner, scopes: options.scopes.split(' ').filter(Boolean) },
        organizations: organizations === '*' ? '*' : organizations.split(','),
        keys_required: options.keysRequired === true,
        ...(days === undefined ? {} : { expires_in_days: days }),
      };
      const created = await askAdministrators(
        { method: 'POST', path: '/api/v1/keys', body },
        createdSchema,
        options,
      );
      report({ json: created, text: created.key });
    });
}

function defineList(command: Command, report: Report): void {
  administrationOptions(
    command
      .description('Lists API keys, without their texts, which nobody has.')
      .option('--owner <name>', 'Of one owner. Default: of all.')
      .option('--ended', 'Revoked and expired keys as well. Default: those that are of use.'),
  )
    .addHelpText('after', '\nExample: odometer keys list --ended')
    .action(async (options: ListOptions) => {
      const keys: ListedKey[] = [];
      let cursor: string | undefined;
      do {
        const query = new URLSearchParams({
          ...(options.owner === undefined ? {} : { owner: options.owner }),
          ...(options.ended === true ? { ended: 'true' } : {}),
          ...(cursor === undefined ? {} : { cursor }),
        });
        const page = await askAdministrators(
          { method: 'GET', path: `/api/v1/keys?${query}` },
          listedSchema,
          options,
        );
        keys.push(...page.keys);
        cursor = page.next_cursor;
      } while (cursor !== undefined);
      report({ json: keys, text: keys.map(toLine).join('\n') || 'there is no key' });
    });
}

function defineRevoke(command: Command, report: Report): void {
  administrationOptions(
    command
      .description('Ends an API key at once and for ever.')
      .argument('<id>', 'The part of the key after its environment, as `list` shows it.'),
  )
    .addHelpText('after', '\nExample: odometer keys revoke 3k9x1c0d8f7g6h5j')
    .action(async (id: string, options: Administration) => {
      const path = `/api/v1/keys/${encodeURIComponent(id)}/revoke`;
      const revoked = await askAdministrators({ method: 'POST', path, body: {} }, revokedSchema, options);
      const text = `key ${id} of ${revoked.owner} is refused in ${revoked.refused_within_seconds} s at the latest`;
      report({ json: revoked, text });
    });
}

function defineRotate(command: Command, report: Report): void {
  administrationOptions(
    command
      .description('Makes another key of the same owner and rights, prints it, and lets the old one expire.')
      .argument('<id>', 'The part of the key after its environment, as `list` shows it.')
      .option(
        '--grace-hours <hours>',
        `How long the old one goes on, up to ${apiKeyGraceHoursMax}.`,
        toHours,
        apiKeyGraceHoursDefault,
      )
      .option(
        '--days <days>',
        'How long the new one is of use. Default: as long as the old one was.',
        toDays,
      ),
  )
    .addHelpText('after', '\nExample: odometer keys rotate 3k9x1c0d8f7g6h5j --grace-hours 2')
    .action(async (id: string, options: RotateOptions) => {
      const path = `/api/v1/keys/${encodeURIComponent(id)}/rotate`;
      const { graceHours, days } = options;
      const body = {
        grace_hours: graceHours,
        ...(days === undefined ? {} : { expires_in_days: days }),
      };
      const rotated = await askAdministrators({ method: 'POST', path, body }, rotatedSchema, options);
      report({ json: rotated, text: rotated.key });
    });
}

function administrationOptions(command: Command): Command {
  return command
    .option('--url <url>', 'The API. Default: that of the local twin.')
    .option('--token <token>', 'A token or key with the scope admin. Default: one for the local twin.');
}

function toLine({ key_id: id, owner, state, scopes: allowed, organizations, ...key }: ListedKey): string {
  const reach = Array.isArray(organizations) ? organizations.join(',') : organizations;
  const end = key.expires_at === null ? 'no end' : `until ${key.expires_at}`;
  const used = key.last_used_at === null ? 'not used' : `used ${key.last_used_at}`;
  return `${id} ${owner} ${state}: ${allowed.join(' ')} for ${reach}, ${end}, ${used}`;
}

function toDays(text: string): number {
  return wholeNumber(text, { least: 1, most: apiKeyDaysMax });
}

function toHours(text: string): number {
  return wholeNumber(text, { least: 0, most: apiKeyGraceHoursMax });
}

function wholeNumber(text: string, { least, most }: { readonly least: number; readonly most: number }) {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
}
