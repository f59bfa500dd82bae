/** Artillery, installed beside this file on first use, so that `npm ci` of the repository does without it. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../../localstack/processes/user-error.ts';
import { runCommand } from '../../../localstack/servers/command.ts';
import type { Latency, LoadFigures, LoadProfile, LoadRequest } from '../generator.ts';
import { runProgram } from '../run-program.ts';

const folder = import.meta.dirname;
const stampFile = join(folder, 'node_modules', '.odometer-installed');
const program = join(folder, 'node_modules', 'artillery', 'bin', 'run');

export const artilleryProfiles = {
  smoke: withArtillery('smoke'),
  ramp: withArtillery('ramp'),
  spike: withArtillery('spike'),
  soak: withArtillery('soak'),
};

/** The profile of that file. */
function withArtillery(profile: string): LoadProfile {
  return { install, run: (request) => run(profile, request) };
}

/** Installs the locked versions if the lock file is not the installed one. */
async function install(log: (line: string) => void): Promise<void> {
  const lock = readFileSync(join(folder, 'package-lock.json'), 'utf8');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === lock) return;
  log('installing Artillery (145 MB, about a minute, only after its lock file has changed)');
  // No scripts: the only ones are of browsers and reporters that `absent/` replaces.
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const outcome = await runCommand('npm', args, { cwd: folder });
  if (!outcome.ok) throw new UserError(`npm ci in test/load/artillery has failed:\n${outcome.output}`);
  writeFileSync(stampFile, lock);
}

async function run(profile: string, request: LoadRequest): Promise<LoadFigures> {
  const report = join(request.folder, 'report.json');
  const script = writeScript(profile, request);
  const args = [process.execPath, program, 'run', '--quiet', '--output', report, script];
  const { code } = await runProgram(args, { ARTILLERY_DISABLE_TELEMETRY: 'true' });
  rmSync(script);
  return { ...readFigures(report), thresholdsMet: code === 0 };
}

/** Scenario and profile in one file of the owner's own, because it may hold the token. */
function writeScript(profile: string, { target, token, folder: into }: LoadRequest): string {
  const read = (file: string): unknown => JSON.parse(readFileSync(join(folder, file), 'utf8'));
  // Artillery, which reads the whole, refuses what has another shape.
  const { config, scenarios } = read('scenario.json') as { config: { http: object }; scenarios: object };
  const script = join(into, 'script.json');
  const http = token === undefined ? {} : { defaults: { headers: { authorization: `Bearer ${token}` } } };
  const whole = {
    ...config,
    ...(read(join('profiles', `${profile}.json`)) as object),
    target,
    processor: join(folder, 'traffic.mjs'),
    http: { ...config.http, ...http },
  };
  writeFileSync(script, JSON.stringify({ config: whole, scenarios }), { mode: 0o600 });
  return script;
}

interface ArtilleryReport {
  readonly aggregate: {
    readonly counters: Readonly<Record<string, number>>;
    readonly summaries: Readonly<Record<string, Latency>>;
    readonly firstMetricAt: number;
    readonly lastMetricAt: number;
  };
}

function readFigures(path: string): Omit<LoadFigures, 'thresholdsMet'> {
  // Written by the pinned Artillery in this shape.
  const { aggregate } = JSON.parse(readFileSync(path, 'utf8')) as ArtilleryReport;
  const { counters, summaries } = aggregate;
  const latencyOf = (name: string) => summaries[`plugins.metrics-by-endpoint.response_time.${name}`];
  const none = { p50: 0, p95: 0, p99: 0, max: 0 };
  return {
    seconds: (aggregate.lastMetricAt - aggregate.firstMetricAt) / 1000,
    requests: counters['http.requests'] ?? 0,
    sent: counters['events.sent'] ?? 0,
    accepted: counters['events.accepted'] ?? 0,
    failures: failuresIn(counters),
    write: latencyOf('write') ?? none,
    read: latencyOf('read') ?? none,
  };
}

function failuresIn(counters: Readonly<Record<string, number>>): Record<string, number> {
  const found = Object.entries(counters).filter(([name]) => /^(?:errors|http\.codes\.[45])/.test(name));
  return Object.fromEntries(
    found.map(([name, count]) => [name.replace(/^(?:errors|http\.codes)\./, ''), count]),
  );
}
