/**
 * `odometer load [PROFILE]`: sends writes and reads 100:10, for 1,000 organizations and three metrics, a key of its
 * own for every event, with Artillery, and compares what was accepted with what is counted.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Argument, type Command } from 'commander';
import { readJson } from '../../localstack/processes/atomic-file.ts';
import { UserError } from '../../localstack/processes/user-error.ts';
import { say } from '../../localstack/screen.ts';
import { twinSettings } from '../../localstack/settings.ts';
import type { Answer, Report } from '../../shared/contracts/command.ts';
import { type Endpoints, endpointsFileOf } from '../../shared/contracts/endpoints.ts';
import { processEnvironment } from '../../shared/runtime/process/environment.ts';
import { countInShards, countInSummaries } from './count.ts';
import { installArtillery } from './install.ts';
import { countsAgree, describeFigures, readFigures } from './report.ts';

const profiles = ['smoke', 'ramp', 'spike', 'soak'] as const;

interface LoadOptions {
  readonly target?: string;
  readonly token?: string;
  readonly report?: string;
}

export function define(command: Command, report: Report): void {
  command
    .description('Sends single events to the API by Artillery, and compares accepted with counted.')
    .addArgument(new Argument('[profile]', 'How much, how long.').choices(profiles).default('smoke'))
    .option('--target <url>', 'The API. Default: the twin that runs on the data directory.')
    .option('--token <token>', 'Sent as a bearer token. Default: none.')
    .option('--report <folder>', 'Where the report goes. Default: load/ in the data directory.')
    .addHelpText(
      'after',
      '\nExit code 3: thresholds are not met, or counts differ.\n\nExample: odometer load ramp',
    )
    .action(async (profile: string, options: LoadOptions) => report(await run(profile, options)));
}

async function run(profile: string, options: LoadOptions): Promise<Answer> {
  const { dataDir } = twinSettings();
  // Written by our supervisor in this shape.
  const twin = readJson(endpointsFileOf(dataDir)) as Endpoints | undefined;
  const target = options.target ?? twin?.api;
  if (target === undefined) throw new UserError(`No twin runs in ${dataDir}: npm start, or name a --target.`);
  // A target on this machine is the twin, perhaps behind a proxy; its shards hold exactly the rows of a run.
  const shards = isLoopback(target) ? twin?.shards : undefined;
  const name = `load-${profile}-${randomUUID().slice(0, 8)}`;
  const folder = join(options.report ?? join(dataDir, 'load'), name);
  const artillery = await installArtillery(say);
  mkdirSync(folder, { recursive: true });

  const before = shards === undefined ? await countInSummaries(target, options.token) : 0;
  say(`${profile} against ${target}`);
  const report = join(folder, 'report.json');
  const script = writeScript(folder, { profile, target, token: options.token, run: name });
  const thresholdsMet = (await runArtillery([artillery, 'run', '--quiet', '--output', report, script])) === 0;
  rmSync(script);

  const figures = readFigures(report);
  const after =
    shards === undefined
      ? await countInSummaries(target, options.token)
      : await countInShards(shards, name, figures.accepted);
  const counted = after - before;
  const text = describeFigures(figures, counted, thresholdsMet);
  writeFileSync(join(folder, 'report.txt'), text);
  const agree = countsAgree(figures, counted);
  return {
    json: { profile, target, figures, counted, agree, thresholdsMet, folder },
    text: `${text}report: ${folder}`,
    found: !agree || !thresholdsMet,
  };
}

/** Scenario and profile in one file of the owner's own, because it may hold the token. */
function writeScript(
  folder: string,
  {
    profile,
    target,
    token,
    run,
  }: { profile: string; target: string; token: string | undefined; run: string },
): string {
  const read = (file: string): unknown => JSON.parse(readFileSync(join(import.meta.dirname, file), 'utf8'));
  // Artillery, which reads the whole, refuses what has another shape.
  const { config, scenarios } = read('scenario.json') as { config: { http: object }; scenarios: object };
  const script = join(folder, 'script.json');
  const http = token === undefined ? {} : { defaults: { headers: { authorization: `Bearer ${token}` } } };
  const whole = {
    ...config,
    ...(read(join('profiles', `${profile}.json`)) as object),
    target,
    variables: { run },
    processor: join(import.meta.dirname, 'traffic.mjs'),
    http: { ...config.http, ...http },
  };
  writeFileSync(script, JSON.stringify({ config: whole, scenarios }), { mode: 0o600 });
  return script;
}

function isLoopback(url: string): boolean {
  return ['localhost', '127.0.0.1', '[::1]'].includes(new URL(url).hostname);
}

function runArtillery(args: readonly string[]): Promise<number> {
  // What it prints is progress, which goes to standard error.
  const env = { ...processEnvironment(), ARTILLERY_DISABLE_TELEMETRY: 'true' };
  const child = spawn(process.execPath, args, { stdio: ['inherit', 2, 'inherit'], env });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
