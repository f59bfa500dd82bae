/** `npm run token -- --scope "read admin"`: a bearer token that the local twin takes, on standard output. */
import { Command, InvalidArgumentError } from 'commander';
import { scopes } from '../shared/callers/caller.ts';
import { say } from './screen.ts';
import { loadSecrets } from './servers/secrets.ts';
import { twinSettings } from './settings.ts';
import { issueToken } from './token-issuer.ts';

const program = new Command('token')
  .description('Issues a bearer token for the local twin of the data directory.')
  .option('--caller <id>', 'who calls', 'somebody')
  .option('--scope <scopes>', `separated by spaces: ${scopes.join(' ')}`, 'ingest read')
  .option('--organizations <names>', '* for all, or names separated by commas', '*')
  .option('--hours <hours>', 'how long it is valid', toHours, 1)
  .action(async (options: Record<'caller' | 'scope' | 'organizations', string> & { hours: number }) => {
    const { dataDir } = twinSettings();
    const organizations = options.organizations === '*' ? '*' : options.organizations.split(',');
    say(await issueToken(loadSecrets(dataDir)['jwt-secret'], { ...options, organizations }));
  });
await program.parseAsync();

function toHours(text: string): number {
  const hours = Number(text);
  if (!(hours > 0)) throw new InvalidArgumentError('must be a number above 0');
  return hours;
}
