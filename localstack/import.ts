/** `odometer import`: sends a file of usage events through the HTTP API, and compares the totals if asked to. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import cliProgress from 'cli-progress';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { createClient } from '../client/client.ts';
import type { Answer, Report } from '../shared/contracts/command.ts';
import { apiPortDefault, type Endpoints, endpointsFileOf } from '../shared/contracts/endpoints.ts';
import { ENV_DATA_DIR } from '../shared/contracts/env.ts';
import { batchEventsMax } from '../shared/limits.ts';
import { processEnvironment } from '../shared/runtime/process/environment.ts';
import { toImportFailure } from './importing/failure.ts';
import { addFileOptions, columnsOf, type FileOptions, fileHelp, mappingOf } from './importing/options.ts';
import { type FileReading, readRows } from './importing/read-rows.ts';
import { createRejectedRows } from './importing/rejected-rows.ts';
import { type SendOptions, sendRows } from './importing/send-rows.ts';
import { type ImportSource, openSource } from './importing/source.ts';
import {
  describeReading,
  type ErrorLimit,
  type ImportReport,
  reportLines,
  shareEventsMin,
} from './importing/tally.ts';
import type { FileRow } from './importing/to-row.ts';
import { type Comparison, readExpectedTotals, verifyTotals } from './importing/verify-totals.ts';
import { UserError } from './processes/user-error.ts';
import { say } from './screen.ts';
import { repositoryDir } from './settings.ts';

const urlDefault = `http://localhost:${apiPortDefault}`;

interface ImportOptions extends FileOptions {
  readonly url?: string;
  readonly token?: string;
  readonly batch: number;
  readonly concurrency: number;
  readonly verify?: string;
  readonly organizationPrefix: string;
  readonly source?: string;
  readonly dryRun?: boolean;
  readonly rejects?: string;
  readonly maxErrors?: ErrorLimit;
}

export function define(command: Command, report: Report): void {
  command
    .description('Sends usage events from a file over HTTP.')
    .argument('<file>', 'What holds the events; see below.')
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
    .option('--concurrency <requests>', 'Requests at the same time.', integerUpTo(64), 4);
  addFileOptions(command);
  command
    .option('--organization-prefix <text>', 'Put in front of every organization.', '')
    .option(
      '--source <name>',
      'Where rows without a key come from. Default: the same place, whatever the file.',
    )
    .addOption(
      new Option(
        '--dry-run',
        'Say what would be sent by a caller who may do everything. Default: send it.',
      ).conflicts('verify'),
    )
    .option('--rejects <file>', 'Write rows that are not accepted to this new file. Default: do not.')
    .option(
      '--max-errors <count>',
      'End when more are rejected: a number, or a share such as 5%. Default: never.',
      errorLimit,
    )
    .option(
      '--verify <file>',
      'Wait until everything is counted, then compare with these expected totals (JSON). Default: do not wait.',
    )
    .addHelpText('after', `${fileHelp}\n${countingHelp}`)
    .action(async (path: string, options: ImportOptions) => report(await run(path, options)));
}

const countingHelp = `
A row without a key gets one made of its content, and of how many equal rows were before it in the file. So a file
counts once, however often it is imported: also under another name, packed, sorted, downloaded again or without its
first rows. For the same reason a row of a second file counts nothing if the first one had it: give such rows keys of
their own, or name the second file's origin by --source. The memory that this takes grows by about 40 bytes for each
different row.

A row without a time is stamped with the time of sending, so that on another day it counts again. Requests that fail are
repeated with the same keys; an import that was stopped is completed by running it again.

A file of --rejects holds {"rejected":{why},"row":{members}} on each line. Mend the row and import the file with the same
options. --max-errors takes a share of the events once there are ${shareEventsMin}.

Exit code 3: some rows were not accepted, or totals differ.

Example: odometer import test/data/dev-azure-llm.jsonl.gz --verify test/data/dev-azure-llm.json
Example: odometer import test/data/formats/litellm.jsonl --from litellm --dry-run
Example: odometer import a.csv --organization customer --metric =storage --quantity gb --quantity-unit GB --time at`;

function integerUpTo(max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= 1 && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${max}.`);
  };
}

function errorLimit(text: string): ErrorLimit {
  const [whole, digits, percent] = /^(\d{1,9})(%?)$/.exec(text) ?? [];
  if (whole !== undefined) return percent === '%' ? { percent: Number(digits) } : { count: Number(digits) };
  throw new InvalidArgumentError('It must be a number, or a share such as 5%.');
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

interface Sending {
  readonly reading: FileReading;
  readonly source: ImportSource;
  readonly rows: AsyncIterable<FileRow>;
  readonly sendBatch: SendOptions['sendBatch'];
}

async function sendFile(
  { reading, source, rows, sendBatch }: Sending,
  options: ImportOptions,
): Promise<ImportReport> {
  const rejects = createRejectedRows(options.rejects, reading.mapping);
  const bar = new cliProgress.SingleBar({
    format: 'importing {bar} {percentage}% | {rows} rows | {duration_formatted}',
    hideCursor: true,
  });
  bar.start(source.bytes, 0, { rows: 0 });
  try {
    return await sendRows(rows, {
      sendBatch,
      batchEvents: options.batch,
      concurrency: options.concurrency,
      errorLimit: options.maxErrors,
      onRefused: (row) => rejects.write(row),
      onProgress: (count) => bar.update(source.bytesRead(), { rows: count }),
    });
  } finally {
    bar.stop();
    rejects.close();
  }
}

async function run(path: string, options: ImportOptions): Promise<Answer> {
  const expected = options.verify === undefined ? undefined : await readExpectedTotals(options.verify);
  const mapping = await mappingOf(options);
  const source = await openSource(path);
  const { reading, rows } = await readRows(source, {
    ...{ form: options.format, mapping, columns: columnsOf(options), nowMs: Date.now() },
    ...{ organizationPrefix: options.organizationPrefix, source: options.source },
  });
  say(`reading ${describeReading(reading)}`);
  if (options.dryRun === true) {
    // Loaded when it is asked for: it brings ingest with it.
    const { createDryRun, dryRunLines } = await import('./importing/dry-run.ts');
    const dryRun = createDryRun();
    const report = await sendFile({ reading, source, rows, sendBatch: dryRun.sendBatch }, options);
    const found = dryRun.report();
    return answerOf({ reading, report }, { json: found, lines: dryRunLines(found) });
  }
  const client = createClient({
    url: await apiUrl(options),
    connections: options.concurrency,
    ...(options.token === undefined ? {} : { token: options.token }),
    onRetry: (reason) => say(`trying again: ${reason}`),
  });
  try {
    const report = await sendFile(
      { reading, source, rows, sendBatch: (events) => client.sendBatch(events) },
      options,
    );
    if (expected === undefined) return answerOf({ reading, report });
    say(`accepted ${report.accepted}, rejected ${report.refused}; waiting until they are counted`);
    const totals = verifyTotals(client, expected, options.organizationPrefix, Date.now());
    return answerOf({ reading, report, totals: await totals.catch(cannotCompare) });
  } catch (error) {
    throw toImportFailure(error);
  } finally {
    await client.close();
  }
}

function cannotCompare(cause: unknown): never {
  const reason = cause instanceof Error ? cause.message : String(cause);
  throw new UserError(`Every row was sent, but the totals cannot be compared: ${reason}`, { cause });
}

interface Imported {
  readonly reading: FileReading;
  readonly report: ImportReport;
  readonly totals?: Comparison;
}

function answerOf(
  { reading, report, totals }: Imported,
  dryRun: { readonly json: unknown; readonly lines: readonly string[] } | null = null,
): Answer {
  const lines = [...reportLines(report, reading), ...(dryRun?.lines ?? [])];
  const differences = totals?.differences ?? [];
  if (totals !== undefined) {
    const verdict = differences.length === 0 ? 'equal' : `${differences.length} differ`;
    lines.push(...differences.map((difference) => `  differs: ${difference}`));
    lines.push(`totals of ${totals.compared} organization metrics compared: ${verdict}`);
  }
  const groups = { refusals: Object.fromEntries(report.refusals), skips: Object.fromEntries(report.skips) };
  return {
    json: { file: reading, ...report, ...groups, totals: totals ?? null, dryRun: dryRun?.json ?? null },
    text: lines.join('\n'),
    found: report.refused > 0 || differences.length > 0,
  };
}
