/** `odometer import`: sends a file of usage events through the HTTP API, and compares the totals if asked to. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import cliProgress from 'cli-progress';
import { type Command, InvalidArgumentError } from 'commander';
import { type Client, createClient } from '../client/client.ts';
import { RequestFailed } from '../client/request-failed.ts';
import type { Answer, Report } from '../shared/contracts/command.ts';
import { apiPortDefault, type Endpoints, endpointsFileOf } from '../shared/contracts/endpoints.ts';
import { ENV_DATA_DIR } from '../shared/contracts/env.ts';
import { batchEventsMax } from '../shared/limits.ts';
import { processEnvironment } from '../shared/runtime/process/environment.ts';
import { openRows } from './importing/read-rows.ts';
import { type ImportReport, sendRows } from './importing/send-rows.ts';
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
}

export function define(command: Command, report: Report): void {
  command
    .description(
      'Sends usage events from a JSON Lines file (.jsonl or .jsonl.gz), one event a line, over HTTP.',
    )
    .argument('<file>', 'Events {"organization_id","metric_name","quantity",...} as the API takes them.')
    .option('--url <url>', `The API. Default: endpoints.json in $${ENV_DATA_DIR}, else ${urlDefault}.`)
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
      '--verify <file>',
      'Wait until everything is counted, then compare with these expected totals (JSON). Default: do not wait.',
    )
    .addHelpText(
      'after',
      `
A line without idempotency_key gets one made of file name, line number and content, so that importing the file
again counts nothing twice. A line without timestamp is stamped with the time of sending. Requests that fail are
repeated with the same keys; an import that was stopped is completed by running it again.

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
  const file = await openRows(path, options.organizationPrefix);
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

function textOf({ accepted, refused, refusals, undated, seconds }: ImportReport): readonly string[] {
  const rate = Math.round((accepted + refused) / Math.max(seconds, 0.001));
  const lines = [`accepted ${accepted}, rejected ${refused}, ${seconds.toFixed(1)} s, ${rate} events/s`];
  for (const [code, { count, lines: numbers, example }] of refusals) {
    const more = count > numbers.length ? ', ...' : '';
    lines.push(`  ${code}: ${count} (line ${numbers.join(', ')}${more}): ${example}`);
  }
  if (undated > 0)
    lines.push(`  ${undated} lines have no timestamp: imported on another day, they count again`);
  return lines;
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
    return answerOf(imported, await verifyTotals(client, expected, options.organizationPrefix, Date.now()));
  } catch (error) {
    if (!(error instanceof RequestFailed)) throw error;
    throw new UserError(
      `${error.message}\nThe import is not complete. Run it again: what was accepted is not counted twice.`,
      { cause: error },
    );
  } finally {
    await client.close();
  }
}

function answerOf(imported: ImportReport, totals: Comparison | null): Answer {
  const lines = [...textOf(imported)];
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
