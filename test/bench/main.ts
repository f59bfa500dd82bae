/**
 * `odometer bench`: how fast the running twin counts, all parts on this machine. Drives event batches, waits
 * until every accepted event is a row in Postgres, compares the counts, and prints events a minute end to end,
 * accept latency and CPU per event.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { readJson } from '../../localstack/processes/atomic-file.ts';
import { UserError } from '../../localstack/processes/user-error.ts';
import { say } from '../../localstack/screen.ts';
import { twinSettings } from '../../localstack/settings.ts';
import type { Report } from '../../shared/contracts/command.ts';
import { type Endpoints, endpointsFileOf } from '../../shared/contracts/endpoints.ts';
import { countEvents, countRows } from './counted.ts';
import { cpuByRole } from './cpu.ts';
import { type LoadPlan, type LoadReport, percentile, runLoad } from './load.ts';

const drainSecondsMax = 120;
const pollMs = 100;

type BenchOptions = Omit<LoadPlan, 'url'>;

interface Figures {
  readonly accepted: number;
  readonly sendingSeconds: number;
  readonly refusedRequests: number;
  readonly rows: number;
  readonly seconds: number;
  readonly eventsPerMinute: number;
  /** Of an accepted request, in milliseconds. */
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number };
  readonly cpuUsPerEvent: Readonly<Record<string, number>>;
}

export function define(command: Command, report: Report): void {
  command
    .description('Sends batches to the running twin and measures what it counts. Start the twin first.')
    .option('--seconds <n>', 'How long to send.', toCount, 15)
    .option('--batch <n>', 'Events per request.', toCount, 500)
    .option(
      '--connections <n>',
      'Connections that are kept open, each with one request at a time.',
      toCount,
      16,
    )
    .option('--organizations <n>', 'Organizations that the events belong to.', toCount, 200)
    .addHelpText(
      'after',
      '\nExit code 3: rows are not as many as were accepted.\n\nExample: odometer bench --seconds 45 --connections 32',
    )
    .action(async (options: BenchOptions) => {
      const figures = await bench(options);
      const found = figures.rows !== figures.accepted;
      report({ json: figures, text: textOf(figures), found });
    });
}

function toCount(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number from 1 to 999999.');
}

async function bench(options: BenchOptions): Promise<Figures> {
  const { api, processes, shards } = readEndpoints();
  const [countedBefore, rowsBefore] = [await countEvents(shards), await countRows(shards)];
  const cpuBefore = cpuByRole(processes);
  const { batch, connections, organizations, seconds } = options;
  say(`sending batches of ${batch} over ${connections} connections for ${seconds} s ...`);
  const startedMs = performance.now();
  const load = await runLoad({ batch, connections, organizations, seconds, url: api });
  const giveUpMs = startedMs + (seconds + drainSecondsMax) * 1000;
  while ((await countEvents(shards)) - countedBefore < load.accepted && performance.now() < giveUpMs) {
    await delay(pollMs);
  }
  const tookSeconds = (performance.now() - startedMs) / 1000;
  const cpuAfter = cpuByRole(processes);
  const rows = (await countRows(shards)) - rowsBefore;
  const cpuUsPerEvent: Record<string, number> = {};
  for (const [role, ms] of cpuAfter) cpuUsPerEvent[role] = ((ms - (cpuBefore.get(role) ?? 0)) * 1000) / rows;
  return figuresOf(load, { rows, seconds: tookSeconds, cpuUsPerEvent });
}

function figuresOf(
  { accepted, seconds: sendingSeconds, refusedRequests, latencies }: LoadReport,
  counted: Pick<Figures, 'rows' | 'seconds' | 'cpuUsPerEvent'>,
): Figures {
  const [p50, p95, p99] = [
    percentile(latencies, 0.5),
    percentile(latencies, 0.95),
    percentile(latencies, 0.99),
  ];
  const eventsPerMinute = (counted.rows / counted.seconds) * 60;
  return {
    accepted,
    sendingSeconds,
    refusedRequests,
    ...counted,
    eventsPerMinute,
    latencyMs: { p50, p95, p99 },
  };
}

function textOf(figures: Figures): string {
  const { accepted, sendingSeconds, refusedRequests, rows, seconds, eventsPerMinute, latencyMs } = figures;
  const cpu = Object.entries(figures.cpuUsPerEvent);
  const total = cpu.reduce((sum, [, us]) => sum + us, 0);
  const ms = (value: number) => `${value.toFixed(1)} ms`;
  const cpuLine = (role: string, us: number) => `CPU ${role.padEnd(9)} ${us.toFixed(2)} us/event`;
  return [
    `accepted ${accepted} events in ${sendingSeconds.toFixed(1)} s, ${refusedRequests} requests refused (503)`,
    `in Postgres after ${seconds.toFixed(1)} s: ${rows} rows, ${rows === accepted ? 'equal' : 'NOT EQUAL'}`,
    `end to end: ${eventsPerMinute.toExponential(3)} events/min (${Math.round(eventsPerMinute / 60)}/s)`,
    `accept latency of a request: p50 ${ms(latencyMs.p50)}, p95 ${ms(latencyMs.p95)}, p99 ${ms(latencyMs.p99)}`,
    ...cpu.map(([role, us]) => cpuLine(role, us)),
    `${cpuLine('total', total)} (the load generator not included)`,
  ].join('\n');
}

function readEndpoints(): Endpoints {
  const { dataDir } = twinSettings();
  // Written by our supervisor in this shape.
  const running = readJson(endpointsFileOf(dataDir)) as Endpoints | undefined;
  if (running !== undefined) return running;
  throw new UserError(`No twin runs in ${dataDir}: start one with npm start.`);
}
