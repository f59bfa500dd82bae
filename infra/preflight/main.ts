/** `odometer preflight`: whether the account can hold an installation, before the first deployment finds out. */
import { ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import type { Command } from 'commander';
import type { Report } from '../../shared/contracts/command.ts';
import { assertCapacity } from '../config/capacity.ts';
import { stageNamed } from '../config/stages.ts';
import { neededQuotas, type QuotaReading, readQuotas, tooSmall } from './quotas.ts';
import { createQuotaReader } from './service-quotas.ts';

export function define(command: Command, report: Report): void {
  command
    .description(
      'Compares the quotas of the AWS account with what a stage needs. The credentials and the account are the ' +
        'environment’s, the region is the stage’s. Without credentials it prints what is needed and ends with 1.',
    )
    .option('--stage <name>', 'A stage of infra/config: local, staging or production.', 'production')
    .addHelpText('after', '\nExample: odometer preflight --stage production')
    .action(async ({ stage: name }: { readonly stage: string }) => {
      const { region, capacity } = stageNamed(name);
      assertCapacity(capacity);
      // A wrong guess of where it runs must not wait for a metadata service that is not there.
      const client = new ServiceQuotasClient({ region, maxAttempts: 2 });
      const read = await readQuotas(capacity, createQuotaReader(client)).catch((error: unknown) => {
        const needed = neededQuotas(capacity);
        report({ json: { stage: name, region, quotas: needed }, text: textOf(needed) });
        throw notAsked(error);
      });
      const missing = tooSmall(read);
      const verdict =
        missing.length === 0
          ? 'The account can hold it.'
          : `Ask AWS for ${missing.map(({ what, needed }) => `${what}: ${needed}`).join('; ')}.`;
      report({
        json: { stage: name, region, quotas: read },
        text: `${textOf(read)}\n\n${verdict}`,
        found: missing.length > 0,
      });
    });
}

/** Shown without a stack: no credentials, or ones that may not ask. */
function notAsked(cause: unknown): Error {
  const why = cause instanceof Error ? cause.message : String(cause);
  const error = new Error(`The account was not asked: ${why}`, { cause });
  error.name = 'UserError';
  return error;
}

function textOf(readings: readonly QuotaReading[]): string {
  const row = (what: string, cells: readonly string[]) =>
    `${what.padEnd(34)}${cells.map((cell) => cell.padStart(14)).join('')}`;
  const number = (value: number | null) => (value === null ? 'not asked' : value.toLocaleString('en'));
  return [
    row('Quota', ['needed', 'the account', 'a new account']),
    ...readings.map(({ what, needed, value, atFirst }) =>
      row(what, [number(needed), number(value), number(atFirst)]),
    ),
  ].join('\n');
}
