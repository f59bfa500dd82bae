/** `odometer import`: sends a file of usage events through the HTTP API, and compares the totals if asked to. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import cliProgress from 'cli-progress';
import { type Command, InvalidArgumentError } from 'commander';
import { type Client, createClient } from '../client/client.ts';
import type { Answer, Report } from '../shared/contracts/command.ts';
import { apiPortDefault, type Endpoints, endpointsFileOf } from '../shared/contracts/endpoints.ts';
import { ENV_DATA_DIR } from '../shared/contracts/env.ts';
import { batchEventsMax } from '../shared/limits.ts';
import { processEnvironment } from '../shared/runtime/process/environment.ts';
import { toImportFailure } from './importing/failure.ts';
import { openRows } from './importing/read-rows.ts';
import { sendRows } from './importing/send-rows.ts';
import { type ImportReport, reportLines } from './importing/tally.ts';
import { type Comparison, readExpectedTotals, verifyTotals } from './importing/verify-totals.ts';
import { UserError } from './processes/user-error.ts';
import { say } from './screen.ts';
import { repositoryDir } from './settings.ts';

const urlDefault = `http://localhost:${apiPortDefault}`;

interface ImportOptions {
  readonly url?: string;
  readonly token?: string;
  readonly batch: number;
  readonly concurrency: number;
  readonly verify?: string;
  readonly organizationPrefix: string;
  readonly source?: string;
}

export function define(command: Command, report: Report): void {
  command
    .description(
      'Sends usage events from a JSON Lines file in UTF-8, plain or gzip, one event a line, over HTTP.',
    )
    .argument(
      '<file>',
      'Events {"organization_id","metric_name","quantity",...} as the API takes them; - is standard input.',
    )
    .option(
      '--url <url>',
      `The API. Default: endpoints.json in $${ENV_DATA_DIR}, else ${urlDefault}.`,
      httpUrl,
    )
    .option('--token <token>', 'Sent as a bearer token. Default: none.')
    .option(
      '--batch <events>',
      `Events in a request, at most ${batchEventsMax}.`,
      integerUpTo(batchEventsMax),
      500,
    )
    .option('--concurrency <requests>', 'Requests at the same time.', integerUpTo(64), 4)
    .option('--organization-prefix <text>', 'Put in front of every organization.', '')
    .option(
      '--source <name>',
      'Where lines without idempotency_key come from. Default: the same place, whatever the file.',
    )
    .option(
      '--verify <file>',
      'Wait until everything is counted, then compare with these expected totals (JSON). Default: do not wait.',
    )
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

Exit code 3: some lines were not accepted, or totals differ.

Example: odometer import test/data/dev-azure-llm.jsonl.gz --verify test/data/dev-azure-llm.json`,
    )
    .action(async (path: string, options: ImportOptions) => report(await run(path, options)));
}

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

async function apiUrl(options: ImportOptions): Promise<string> {
  if (options.url !== undefined) return options.url;
  const path = endpointsFileOf(processEnvironment()[ENV_DATA_DIR] ?? join(repositoryDir, '.odometer'));
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

async function run(path: string, options: ImportOptions): Promise<Answer> {
  const expected = options.verify === undefined ? undefined : await readExpectedTotals(options.verify);
  const url = await apiUrl(options);
  const client = createClient({
    url,
    connections: options.concurrency,
    ...(options.token === undefined ? {} : { token: options.token }),
    onRetry: (reason) => say(`trying again: ${reason}`),
  });
  try {
    const imported = await importFile(client, path, options);
    if (expected === undefined) return answerOf(imported, null);
    say(`accepted ${imported.accepted}, rejected ${imported.refused}; waiting until they are counted`);
    const totals = verifyTotals(client, expected, options.organizationPrefix, Date.now());
    return answerOf(imported, await totals.catch(cannotCompare));
  } catch (error) {
    throw toImportFailure(error);
  } finally {
    await client.close();
  }
}

function cannotCompare(cause: unknown): never {
  const reason = cause instanceof Error ? cause.message : String(cause);
  throw new UserError(`Every line was sent, but the totals cannot be compared: ${reason}`, { cause });
}

function answerOf(imported: ImportReport, totals: Comparison | null): Answer {
  const lines = [...reportLines(imported)];
  const differences = totals?.differences ?? [];
  if (totals !== null) {
    const verdict = differences.length === 0 ? 'equal' : `${differences.length} differ`;
    lines.push(...differences.map((difference) => `  differs: ${difference}`));
    lines.push(`totals of ${totals.compared} organization metrics compared: ${verdict}`);
  }
  return {
    json: { ...imported, refusals: Object.fromEntries(imported.refusals), totals },
    text: lines.join('\n'),
    found: imported.refused > 0 || differences.length > 0,
  };
}
