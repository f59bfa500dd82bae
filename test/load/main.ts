/**
 * `npm run load -- [PROFILE]`: sends what the brief describes (writes to reads 100:10, 1,000 organizations, three
 * metrics, a key of its own for every event) with Artillery, and compares what was accepted with what is counted.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Argument, Command } from 'commander';
import { readJson } from '../../localstack/processes/atomic-file.ts';
import { twinSettings } from '../../localstack/settings.ts';
import { type Endpoints, endpointsFileOf } from '../../shared/contracts/endpoints.ts';
import { processEnvironment } from '../../shared/runtime/process/environment.ts';
import { countInShards, countInSummaries } from './count.ts';
import { installArtillery } from './install.ts';
import { countsAgree, describeFigures, readFigures } from './report.ts';

const profiles = ['smoke', 'ramp', 'spike', 'soak'] as const;
const exitCodes = { done: 0, failed: 1, thresholdsMissed: 2, countsDiffer: 3 } as const;
const print = (line: string) => process.stdout.write(`${line}\n`);

interface LoadOptions {
  readonly target?: string;
  readonly token?: string;
  readonly report?: string;
}

await new Command('load')
  .description('Drives the API with Artillery and compares accepted with counted.')
  .addArgument(new Argument('[profile]', 'how much, how long').choices(profiles).default('smoke'))
  .option('--target <url>', 'the API; default: the twin that runs in the data directory')
  .option('--token <token>', 'sent as a bearer token')
  .option('--report <folder>', 'where the report goes; default: load/ in the data directory')
  .addHelpText('after', `\nExit codes: ${JSON.stringify(exitCodes)}`)
  .action(run)
  .parseAsync()
  .catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = exitCodes.failed;
  });

async function run(profile: string, options: LoadOptions): Promise<void> {
  const { dataDir } = twinSettings();
  // Written by our supervisor in this shape.
  const twin = readJson(endpointsFileOf(dataDir)) as Endpoints | undefined;
  const target = options.target ?? twin?.api;
  if (target === undefined) throw new Error(`No twin runs in ${dataDir}: npm start, or name a --target.`);
  // A target on this machine is the twin, perhaps behind a proxy; its shards tell exactly what they hold of a run.
  const shards = isLoopback(target) ? twin?.shards : undefined;
  const name = `load-${profile}-${randomUUID().slice(0, 8)}`;
  const folder = join(options.report ?? join(dataDir, 'load'), name);
  const artillery = await installArtillery(print);
  mkdirSync(folder, { recursive: true });

  const before = shards === undefined ? await countInSummaries(target, options.token) : 0;
  print(`${profile} against ${target}`);
  const report = join(folder, 'report.json');
  const script = writeScript(profile, folder, { target, token: options.token, run: name });
  const code = await runArtillery([artillery, 'run', '--quiet', '--output', report, script]);
  rmSync(script);

  const figures = readFigures(report);
  const after =
    shards === undefined
      ? await countInSummaries(target, options.token)
      : await countInShards(shards, name, figures.accepted);
  const text = describeFigures(figures, after - before, code === 0);
  writeFileSync(join(folder, 'report.txt'), text);
  process.stdout.write(text);
  print(`report: ${folder}`);
  if (!countsAgree(figures, after - before)) process.exitCode = exitCodes.countsDiffer;
  else if (code !== 0) process.exitCode = exitCodes.thresholdsMissed;
}

/** Scenario and profile in one file of the owner's own, because it may hold the token. */
function writeScript(
  profile: string,
  folder: string,
  { target, token, run }: { target: string; token: string | undefined; run: string },
): string {
  const read = (file: string) => JSON.parse(readFileSync(join(import.meta.dirname, file), 'utf8'));
  const { config, scenarios } = read('scenario.json');
  const script = join(folder, 'script.json');
  const http = token === undefined ? {} : { defaults: { headers: { authorization: `Bearer ${token}` } } };
  const whole = {
    ...config,
    ...read(join('profiles', `${profile}.json`)),
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
  const env = { ...processEnvironment(), ARTILLERY_DISABLE_TELEMETRY: 'true' };
  const child = spawn(process.execPath, args, { stdio: 'inherit', env });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
