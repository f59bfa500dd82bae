/**
 * `npm run bench`: how fast the running twin counts, all parts on this machine. Drives event batches, waits
 * until every accepted event is a row in Postgres, compares the counts, and prints events a minute end to end,
 * accept latency and CPU per event. Start the twin first (`npm start`), or name one by ODOMETER_DATA_DIR.
 */
import { Command } from 'commander';
import { readJson } from '../../localstack/processes/atomic-file.ts';
import { inSession } from '../../localstack/servers/postgres-session.ts';
import { type Endpoints, endpointsFileOf } from '../../shared/contracts/endpoints.ts';
import { ENV_DATA_DIR } from '../../shared/contracts/env.ts';
import { processEnvironment } from '../../shared/runtime/process/environment.ts';
import { cpuByRole } from './cpu.ts';
import { percentile, runLoad } from './load.ts';

const drainSecondsMax = 120;

const options = new Command('bench')
  .description('Drives the running twin and prints what it sustains.')
  .option('--seconds <n>', 'how long to send', Number, 15)
  .option('--batch <n>', 'events per request', Number, 500)
  .option('--connections <n>', 'keep-alive connections', Number, 16)
  .option('--organizations <n>', 'organizations that the events belong to', Number, 200)
  .parse()
  .opts<{ seconds: number; batch: number; connections: number; organizations: number }>();

const dataDir = processEnvironment()[ENV_DATA_DIR] ?? '.odometer';
const print = (line: string) => process.stdout.write(`${line}\n`);

function endpoints(): Endpoints {
  // Written by our supervisor in this shape.
  const running = readJson(endpointsFileOf(dataDir)) as Endpoints | undefined;
  if (running !== undefined) return running;
  process.stderr.write(`No twin runs in ${dataDir}: start one with npm start.\n`);
  process.exit(1);
}

/** Events that the four shards have counted. */
async function counted(): Promise<number> {
  const counts = await Promise.all(
    endpoints().shards.map((url) =>
      inSession(url, async (client) => {
        const sql = 'select coalesce(sum(inserted), 0)::float8 as n from commit_ledger';
        return (await client.query<{ n: number }>(sql)).rows[0]?.n ?? 0;
      }),
    ),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

async function rows(): Promise<number> {
  const counts = await Promise.all(
    endpoints().shards.map((url) =>
      inSession(url, async (client) => {
        return (
          (await client.query<{ n: number }>('select count(*)::float8 as n from usage_events')).rows[0]?.n ??
          0
        );
      }),
    ),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

const { api, processes } = endpoints();
const [countedBefore, rowsBefore] = [await counted(), await rows()];
const cpuBefore = cpuByRole(processes);
print(
  `sending batches of ${options.batch} over ${options.connections} connections for ${options.seconds} s ...`,
);
const startedAt = performance.now();
const load = await runLoad({ ...options, url: api });
let done = (await counted()) - countedBefore;
while (done < load.accepted && performance.now() - startedAt < (options.seconds + drainSecondsMax) * 1000) {
  await new Promise((resolve) => setTimeout(resolve, 100));
  done = (await counted()) - countedBefore;
}
const seconds = (performance.now() - startedAt) / 1000;
const cpuAfter = cpuByRole(processes);
const added = (await rows()) - rowsBefore;

const ms = (share: number) => percentile(load.latencies, share).toFixed(1);
print(
  `accepted ${load.accepted} events in ${load.seconds.toFixed(1)} s, ${load.refusedRequests} requests refused (503)`,
);
print(
  `in Postgres after ${seconds.toFixed(1)} s: ${added} rows, ${added === load.accepted ? 'equal' : 'NOT EQUAL'}`,
);
print(
  `end to end: ${((added / seconds) * 60).toExponential(3)} events/min (${Math.round(added / seconds)}/s)`,
);
print(`accept latency of a request: p50 ${ms(0.5)} ms, p95 ${ms(0.95)} ms, p99 ${ms(0.99)} ms`);
let total = 0;
for (const [role, after] of cpuAfter) {
  const used = ((after - (cpuBefore.get(role) ?? 0)) * 1000) / added;
  total += used;
  print(`CPU ${role.padEnd(9)} ${used.toFixed(2)} us/event`);
}
print(`CPU ${'total'.padEnd(9)} ${total.toFixed(2)} us/event (the load generator not included)`);
if (added !== load.accepted) process.exitCode = 1;
