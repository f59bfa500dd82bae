/** ApacheBench: one event without a key, sent again and again; each request is an event of its own. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../../localstack/processes/user-error.ts';
import { debianProgram } from '../../../localstack/servers/debian.ts';
import type { LoadFigures, LoadProfile, LoadRequest } from '../generator.ts';
import { runProgram } from '../run-program.ts';

const path = '/api/v1/usage/events';

export const abProfiles = {
  ab: withAb({ requests: 100_000, connections: 100 }),
  'ab-smoke': withAb({ requests: 3000, connections: 100 }),
};

interface Size {
  readonly requests: number;
  readonly connections: number;
}

function withAb(size: Size): LoadProfile {
  return {
    async install(log) {
      log('looking for ab, else fetching it (once)');
      await debianProgram('ab');
    },
    run: (request) => run(size, request),
  };
}

async function run(
  { requests, connections }: Size,
  { target, token, folder }: LoadRequest,
): Promise<LoadFigures> {
  const size = ['-n', `${requests}`, '-c', `${connections}`];
  const event = ['-T', 'application/json', '-p', join(import.meta.dirname, 'event.json')];
  // -l: answers differ in length, because each holds the key that its event was given.
  const rest = ['-l', '-q', ...(token === undefined ? [] : ['-H', `Authorization: Bearer ${token}`])];
  const program = [await debianProgram('ab'), ...size, ...event, ...rest, new URL(path, target).href];
  const { code, output } = await runProgram(program);
  writeFileSync(join(folder, 'report.txt'), output);
  if (code !== 0) throw new UserError(`ab has failed with exit code ${code}:\n${output}`);
  return figuresOf(output, requests);
}

function figuresOf(text: string, requests: number): LoadFigures {
  const figure = (pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? 0);
  const failures = {
    'no answer': figure(/^Failed requests: +(\d+)/m),
    'other than 2xx': figure(/^Non-2xx responses: +(\d+)/m),
  };
  const failed = failures['no answer'] + failures['other than 2xx'];
  return {
    seconds: figure(/^Time taken for tests: +([\d.]+)/m),
    requests,
    sent: requests,
    accepted: figure(/^Complete requests: +(\d+)/m) - failed,
    failures,
    write: {
      p50: figure(/^ +50% +(\d+)/m),
      p95: figure(/^ +95% +(\d+)/m),
      p99: figure(/^ +99% +(\d+)/m),
      max: figure(/^ 100% +(\d+)/m),
    },
    read: null,
    thresholdsMet: failed === 0,
  };
}
