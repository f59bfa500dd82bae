/** `odometer token`: a bearer token that the local twin accepts. */
import { existsSync } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import { scopes } from '../shared/callers/caller.ts';
import type { Report } from '../shared/contracts/command.ts';
import { UserError } from './processes/user-error.ts';
import { loadSecrets } from './servers/secrets.ts';
import { twinSettings } from './settings.ts';
import { issueToken } from './token-issuer.ts';

interface TokenOptions {
  readonly caller: string;
  readonly scope: string;
  readonly organizations: string;
  readonly hours: number;
}

export function define(command: Command, report: Report): void {
  command
    .description('Issues a bearer token for the local twin of the data directory.')
    .option('--caller <id>', 'Who calls.', 'somebody')
    .option('--scope <scopes>', `What it allows, separated by spaces: ${scopes.join(' ')}.`, 'ingest read')
    .option('--organizations <names>', 'Whose usage: * for all, or names separated by commas.', '*')
    .option('--hours <hours>', 'How long it is valid.', toHours, 1)
    .addHelpText('after', '\nExample: odometer token --scope "read admin" --hours 8')
    .action(async (options: TokenOptions) => {
      const { caller, scope, hours } = options;
      const organizations = options.organizations === '*' ? '*' : options.organizations.split(',');
      const request = { caller, scope, organizations, hours } as const;
      const { dataDir } = twinSettings();
      if (!existsSync(dataDir)) throw new UserError(`There is no ${dataDir}: start the twin with npm start.`);
      const token = await issueToken(loadSecrets(dataDir)['jwt-secret'], request);
      report({ json: { token, ...request }, text: token });
    });
}

function toHours(text: string): number {
  const hours = Number(text);
  if (!(hours > 0)) throw new InvalidArgumentError('It must be a number above 0.');
  return hours;
}
