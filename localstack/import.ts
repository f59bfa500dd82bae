/** `npm run import`: sends a file of usage events through the HTTP API, and compares the totals if asked to. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import cliProgress from 'cli-progress';
import { Command, InvalidArgumentError } from 'commander';
import { type Client, createClient } from '../client/client.ts';
import type { Endpoints } from '../shared/contracts/endpoints.ts';
import { ENV_DATA_DIR } from '../shared/contracts/env.ts';
import { batchEventsMax } from '../shared/limits.ts';
import { processEnvironment } from '../shared/runtime/process/environment.ts';
import { failureText } from './importing/failure.ts';
import { openRows } from './importing/read-rows.ts';
import { sendRows } from './importing/send-rows.ts';
import { type ImportReport, reportLines } from './importing/tally.ts';
import { readExpectedTotals, verifyTotals } from './importing/verify-totals.ts';
import { Refusal } from './processes/refusal.ts';
import { repositoryDir } from './settings.ts';

const exitCodes = { done: 0, failed: 1, someRefused: 2, totalsDiffer: 3 } as const;
const urlDefault = 'http://localhost:8001';

interface ImportOptions {
  readonly url?: string;
  readonly token?: string;
  readonly batch: number;
  readonly concurrency: number;
  readonly verify?: string;
  readonly organizationPrefix: string;
  readonly source?: string;
}

const command = new Command('import')
  .description(
    'Sends usage events from a JSON Lines file in UTF-8, plain or gzip, one event a line, over HTTP.',
  )
  .argument(
    '<file>',
    'events {"organization_id","metric_name","quantity",...} as the API takes them; - is stdin',
  )
  .option('--url <url>', `the API; default: endpoints.json in $${ENV_DATA_DIR}, else ${urlDefault}`, httpUrl)
  .option('--token <token>', 'sent as a bearer token')
  .option(
    '--batch <events>',
    `events in a request, at most ${batchEventsMax}`,
    integerUpTo(batchEventsMax),
    500,
  )
  .option('--concurrency <requests>', 'requests at the same time', integerUpTo(64), 4)
  .option('--organization-prefix <text>', 'put in front of every organization', '')
  .option('--source <name>', 'where rows without idempotency_key come from, as part of their keys')
  .option('--verify <file>', 'wait until everything is counted, then compare with expected totals (JSON)')
  .addHelpText(
    'after',
    `
A line without idempotency_key gets a key made of its content, and of how many equal lines were before it in the
file. So a file counts once, however often it is imported: also under another name, packed, sorted, downloaded again
or without its first lines. For the same reason a line of a second file counts nothing if the first one had it: give
such lines keys of their own, or name the second file's origin by --source. The memory that this takes grows by about
40 bytes for each different line.

A line without timestamp is stamped with the time of sending, so that on another day it counts again. Requests that
fail are repeated with the same keys; an import that was stopped is completed by running it again.

Exit codes: ${exitCodes.done} done (and totals equal), ${exitCodes.failed} could not finish, ${exitCodes.someRefused} some lines were not accepted, ${exitCodes.totalsDiffer} totals differ.
`,
  );

function integerUpTo(max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= 1 && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${max}.`);
  };
}

function httpUrl(text: string): string {
  if (/^https?:$/.test(URL.parse(text)?.protocol ?? '')) return text;
  throw new InvalidArgumentError(`It must be an address like ${urlDefault}.`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function apiUrl(options: ImportOptions): Promise<string> {
  if (options.url !== undefined) return options.url;
  const path = join(processEnvironment()[ENV_DATA_DIR] ?? join(repositoryDir, '.odometer'), 'endpoints.json');
  try {
    // Written by our own supervisor in the shape of the contract.
    return (JSON.parse(await readFile(path, 'utf8')) as Endpoints).api;
  } catch {
    return urlDefault;
  }
}

async function importFile(client: Client, path: string, options: ImportOptions): Promise<ImportReport> {
  const file = await openRows(path, options);
  const bar = new cliProgress.SingleBar({
    format: 'importing {bar} {percentage}% | {rows} events | {duration_formatted}',
    hideCursor: true,
  });
  bar.start(file.bytes, 0, { rows: 0 });
  try {
    return await sendRows(file.rows, {
      sendBatch: (events) => client.sendBatch(events),
      batchEvents: options.batch,
      concurrency: options.concurrency,
      onProgress: (rows) => bar.update(file.bytesRead(), { rows }),
    });
  } finally {
    bar.stop();
  }
}

async function run(path: string, options: ImportOptions): Promise<number> {
  const expected = options.verify === undefined ? undefined : await readExpectedTotals(options.verify);
  const url = await apiUrl(options);
  const client = createClient({
    url,
    connections: options.concurrency,
    ...(options.token === undefined ? {} : { token: options.token }),
    onRetry: (reason) => process.stderr.write(`trying again: ${reason}\n`),
  });
  try {
    const startedMs = performance.now();
    const report = await importFile(client, path, options);
    for (const line of reportLines(report, (performance.now() - startedMs) / 1000)) say(line);
    const refusedCode = report.refused > 0 ? exitCodes.someRefused : exitCodes.done;
    if (expected === undefined) return refusedCode;
    const { compared, differences } = await verifyTotals(
      client,
      expected,
      options.organizationPrefix,
      Date.now(),
    ).catch((cause: unknown) => {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Refusal(`Every line was sent, but the totals cannot be compared: ${reason}`, { cause });
    });
    for (const difference of differences) say(`  differs: ${difference}`);
    const verdict = differences.length === 0 ? 'equal' : `${differences.length} differ`;
    say(`totals of ${compared} organization metrics compared: ${verdict}`);
    return differences.length === 0 ? refusedCode : exitCodes.totalsDiffer;
  } finally {
    await client.close();
  }
}

command.action(async (path: string, options: ImportOptions) => {
  try {
    process.exitCode = await run(path, options);
  } catch (error) {
    process.stderr.write(`${failureText(error)}\n`);
    process.exitCode = exitCodes.failed;
  }
});
await command.parseAsync();
