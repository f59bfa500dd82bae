/**
 * `odometer load [PROFILE]`: sends single events to the API by a load generator that people know, and compares what
 * was accepted with what is counted.
 */
import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Argument, type Command } from 'commander';
import { readJson } from '../../localstack/processes/atomic-file.ts';
import { UserError } from '../../localstack/processes/user-error.ts';
import { say } from '../../localstack/screen.ts';
import { twinSettings } from '../../localstack/settings.ts';
import type { Answer, Report } from '../../shared/contracts/command.ts';
import { type Endpoints, endpointsFileOf } from '../../shared/contracts/endpoints.ts';
import { abProfiles } from './ab/ab.ts';
import { artilleryProfiles } from './artillery/artillery.ts';
import { countInSummaries, waitForRows } from './count.ts';
import { locustProfiles } from './locust/locust.ts';
import { countsAgree, describeFigures } from './report.ts';

const profiles = { ...artilleryProfiles, ...locustProfiles, ...abProfiles };
type ProfileName = keyof typeof profiles;

interface LoadOptions {
  readonly target?: string;
  readonly token?: string;
  readonly report?: string;
}

export function define(command: Command, report: Report): void {
  command
    .description(
      'Sends single events to the API by Artillery, Locust or ab, and compares accepted with counted.',
    )
    .addArgument(
      new Argument('[profile]', 'How much, how long.').choices(Object.keys(profiles)).default('smoke'),
    )
    .option('--target <url>', 'The API. Default: the twin that runs on the data directory.')
    .option('--token <token>', 'Sent as a bearer token. Default: none.')
    .option('--report <folder>', 'Where the report goes. Default: load/ in the data directory.')
    .addHelpText(
      'after',
      '\nExit code 3: thresholds are not met, or counts differ.\n\nExample: odometer load ramp',
    )
    .action(async (profile: ProfileName, options: LoadOptions) => report(await load(profile, options)));
}

async function load(profile: ProfileName, options: LoadOptions): Promise<Answer> {
  const { dataDir } = twinSettings();
  // Written by our supervisor in this shape.
  const twin = readJson(endpointsFileOf(dataDir)) as Endpoints | undefined;
  const target = options.target ?? twin?.api;
  if (target === undefined) throw new UserError(`No twin runs in ${dataDir}: npm start, or name a --target.`);
  // A target on this machine is the twin, perhaps behind a proxy; its shards hold exactly the rows of a run.
  const shards = isLoopback(target) ? twin?.shards : undefined;
  const folder = join(options.report ?? join(dataDir, 'load'), `${profile}-${randomUUID().slice(0, 8)}`);
  const { install, run } = profiles[profile];
  await install(say);
  mkdirSync(folder, { recursive: true });

  const count = (wanted: number) =>
    shards === undefined ? countInSummaries(target, options.token) : waitForRows(shards, wanted);
  const before = await count(0);
  say(`${profile} against ${target}`);
  const figures = await run({ target, token: options.token, folder });
  const counted = (await count(before + figures.accepted)) - before;
  const text = describeFigures(figures, counted);
  writeFileSync(join(folder, 'summary.txt'), text);
  const agree = countsAgree(figures, counted);
  return {
    json: { profile, target, figures, counted, agree, folder },
    text: `${text}report: ${folder}`,
    found: !agree || !figures.thresholdsMet,
  };
}

function isLoopback(url: string): boolean {
  return ['localhost', '127.0.0.1', '[::1]'].includes(new URL(url).hostname);
}
