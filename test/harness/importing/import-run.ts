/** Runs of the importer, a process each, against an HTTP edge of their own and with files in a folder of their own. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { SummaryBody } from '../../../client/bodies.ts';
import { createClient } from '../../../client/client.ts';
import { toImportFailure } from '../../../localstack/importing/failure.ts';
import { openRows } from '../../../localstack/importing/read-rows.ts';
import { sendRows } from '../../../localstack/importing/send-rows.ts';
import { reportLines } from '../../../localstack/importing/tally.ts';
import type { Environment } from '../../../shared/runtime/config.ts';
import { processEnvironment } from '../../../shared/runtime/process/environment.ts';
import { type EdgeServer, startEdgeServer } from '../servers/edge-server.ts';

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ImportBench {
  readonly edge: EdgeServer;
  readonly folder: string;
  fileOf(name: string, content: string | Buffer): Promise<string>;
  /** Imports in this process; answers the exit code of the command and what it would say. */
  importHere(path: string): Promise<{ readonly code: number; readonly said: string }>;
  /** Events of `org_1` and `m` that count on the day of `timestamp`. */
  counted(): Promise<number>;
  close(): Promise<void>;
}

const timestamp = new Date().toISOString();
export const today = timestamp.slice(0, 10);

/** A row of `org_1` and `m`; `rest` follows its last member. */
// Same type: the rest starts with a comma, which no quantity does.
export function rowText(quantity: string, rest = ''): string {
  return `{"organization_id":"org_1","metric_name":"m","quantity":${quantity},"timestamp":"${timestamp}"${rest}}`;
}

export async function startImportBench(): Promise<ImportBench> {
  const edge = await startEdgeServer();
  const folder = await mkdtemp(join(tmpdir(), 'odometer-import-'));
  return {
    edge,
    folder,
    fileOf: async (name, content) => {
      const path = join(folder, name);
      await writeFile(path, content);
      return path;
    },
    importHere: (path) => importHere(edge, path),
    counted: async () => {
      const days = new URLSearchParams({ start_date: today, end_date: today });
      const response = await fetch(`${edge.url}/api/v1/usage/summary/org_1?${days}`);
      // The edge answers with the query function's own body.
      const { metrics } = (await response.json()) as SummaryBody;
      return metrics[0]?.event_count ?? 0;
    },
    close: async () => {
      await edge.close();
      await rm(folder, { recursive: true });
    },
  };
}

async function importHere(edge: EdgeServer, path: string): Promise<{ code: number; said: string }> {
  const client = createClient({ url: edge.url });
  try {
    const { rows } = await openRows(path, { organizationPrefix: '' });
    const report = await sendRows(rows, {
      sendBatch: (events) => client.sendBatch(events),
      batchEvents: 500,
      concurrency: 4,
      onProgress: () => undefined,
    });
    return { code: report.refused > 0 ? 3 : 0, said: reportLines(report).join('\n') };
  } catch (error) {
    return { code: 1, said: String(toImportFailure(error)) };
  } finally {
    await client.close();
  }
}

/** Runs the importer to its end; `input` is what comes on its standard input. */
export async function runImport(
  args: readonly string[],
  environment: Environment = {},
  input?: Buffer,
): Promise<Ended> {
  const command = promisify(execFile)(process.execPath, ['odometer.ts', 'import', ...args], {
    env: { ...processEnvironment(), ...environment },
  });
  command.child.stdin?.end(input);
  return command.then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    // execFile rejects with the output and the exit code when it is not 0.
    (error: Ended) => ({ code: error.code, stdout: error.stdout, stderr: error.stderr }),
  );
}
