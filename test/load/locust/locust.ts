/** Locust, in a Python environment of its own that is made on first use. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../../localstack/processes/user-error.ts';
import { venvPython } from '../../../localstack/servers/venv.ts';
import { twinSettings } from '../../../localstack/settings.ts';
import type { Latency, LoadFigures, LoadProfile, LoadRequest } from '../generator.ts';
import { runProgram } from '../run-program.ts';

const version = '2.47.0';

/** Requests under way at the end are answered within this time, so that none is counted and not reported. */
const lastAnswersSeconds = 30;

export const locustProfiles = {
  locust: withLocust({ users: 1000, spawnRate: 50, seconds: 60 }),
  'locust-smoke': withLocust({ users: 50, spawnRate: 50, seconds: 8 }),
};

/** Users arrive at this rate a second, up to so many, and all stop after so long. */
interface Size {
  readonly users: number;
  readonly spawnRate: number;
  readonly seconds: number;
}

function withLocust(size: Size): LoadProfile {
  return {
    async install(log) {
      await python(log);
    },
    run: (request) => run(size, request),
  };
}

function python(log: (line: string) => void): Promise<string> {
  const packages = [`locust==${version}`];
  return venvPython({ name: `locust-${version}`, packages, cacheDir: twinSettings().cacheDir, log });
}

async function run(
  { users, spawnRate, seconds }: Size,
  { target, token, folder }: LoadRequest,
): Promise<LoadFigures> {
  const args = [
    '--headless',
    '--json',
    '--host',
    target,
    '--locustfile',
    join(import.meta.dirname, 'locustfile.py'),
  ];
  const size = ['--users', `${users}`, '--spawn-rate', `${spawnRate}`, '--run-time', `${seconds}s`];
  const end = ['--stop-timeout', `${lastAnswersSeconds}`, '--loglevel', 'WARNING'];
  const program = [await python(() => undefined), '-m', 'locust', ...args, ...size, ...end];
  const { code, output } = await runProgram(
    program,
    token === undefined ? {} : { ODOMETER_LOAD_TOKEN: token },
  );
  writeFileSync(join(folder, 'report.json'), output);
  // Locust's exit code is 1 where a request has failed; without any figures it did not run at all.
  if (output.trim() === '') throw new UserError(`Locust has failed with exit code ${code}.`);
  // Written by the pinned Locust in this shape.
  return figuresOf(JSON.parse(output) as readonly Entry[]);
}

/** What Locust reports of all requests of one name; times in seconds since 1970 and in milliseconds. */
interface Entry {
  readonly name: string;
  readonly start_time: number;
  readonly last_request_timestamp: number;
  readonly num_requests: number;
  readonly num_failures: number;
  readonly response_times: Readonly<Record<string, number>>;
}

function figuresOf(entries: readonly Entry[]): LoadFigures {
  const entryOf = (name: string) => entries.find((entry) => entry.name === name);
  const [write, read] = [entryOf('write'), entryOf('read')];
  const failed = (entry: Entry | undefined) => entry?.num_failures ?? 0;
  const sent = write?.num_requests ?? 0;
  const ended = Math.max(...entries.map((entry) => entry.last_request_timestamp));
  return {
    seconds: ended - Math.min(...entries.map(({ start_time }) => start_time)),
    requests: sent + (read?.num_requests ?? 0),
    sent,
    accepted: sent - failed(write),
    failures: { 'failed writes': failed(write), 'failed reads': failed(read) },
    write: latencyOf(write?.response_times ?? {}),
    read: latencyOf(read?.response_times ?? {}),
    thresholdsMet: failed(write) + failed(read) === 0,
  };
}

/** Of a count of requests by their milliseconds. */
function latencyOf(times: Readonly<Record<string, number>>): Latency {
  const sorted = Object.entries(times)
    .map(([ms, count]) => ({ ms: Number(ms), count }))
    .sort((one, other) => one.ms - other.ms);
  const total = sorted.reduce((sum, { count }) => sum + count, 0);
  const at = (share: number): number => {
    let seen = 0;
    const reached = sorted.find(({ count }) => {
      seen += count;
      return seen >= share * total;
    });
    return reached?.ms ?? 0;
  };
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: sorted.at(-1)?.ms ?? 0 };
}
