/** Runs of the importer, a process each, against an HTTP edge of their own and with files in a folder of their own. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { SummaryBody } from '../../../client/bodies.ts';
import { createClient } from '../../../client/client.ts';
import { toImportFailure } from '../../../localstack/importing/failure.ts';
import { type ReadOptions, readRows } from '../../../localstack/importing/read-rows.ts';
import { type SendOptions, sendRows } from '../../../localstack/importing/send-rows.ts';
import { openSource } from '../../../localstack/importing/source.ts';
import { type ImportReport, reportLines } from '../../../localstack/importing/tally.ts';
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
  importHere(path: string, options?: HereOptions): Promise<ImportedHere>;
  /** The events of all requests so far. */
  sent(): readonly Record<string, unknown>[];
  /** Events of `org_1` and `m` that count on the day of `timestamp`. */
  counted(): Promise<number>;
  close(): Promise<void>;
}

/** How the file is read and what is done with rejects; the rest is as the command does it. */
export type HereOptions = Partial<ReadOptions> &
  Partial<Pick<SendOptions, 'errorLimit' | 'onRefused' | 'batchEvents'>>;

interface ImportedHere {
  readonly code: number;
  readonly said: string;
  /** Null where the import failed. */
  readonly report: ImportReport | null;
}

interface SentBatch {
  readonly events: readonly Record<string, unknown>[];
}

const timestamp = new Date().toISOString();
export const today = timestamp.slice(0, 10);

/** A table whose columns have names of their own, with quantities that no float holds. */
export const header = 'who,what,how much,id,at,region';
export const table = [
  header,
  'org_1,m,"1.5",a,2026-11-02T10:00:00Z,eu',
  'org_1,m,0.0000000000000001,b,2026-11-02T10:00:00.123456789Z,"the ""east"", us"',
  '"org_1",m,12345678901234567890,c,2026-11-02T10:00:00+02:00,',
].join('\n');

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
    importHere: (path, options = {}) => importHere(edge, path, options),
    // The importer sends batches, and nothing else.
    sent: () => edge.bodies.flatMap((body) => (JSON.parse(body) as SentBatch).events),
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

async function importHere(edge: EdgeServer, path: string, options: HereOptions): Promise<ImportedHere> {
  const client = createClient({ url: edge.url });
  const { errorLimit, onRefused = () => undefined, batchEvents = 500, ...reading } = options;
  try {
    const read = { organizationPrefix: '', nowMs: Date.now(), ...reading };
    const file = await readRows(await openSource(path), read);
    const report = await sendRows(file.rows, {
      ...{ errorLimit, onRefused, batchEvents },
      sendBatch: (events) => client.sendBatch(events),
      concurrency: 4,
      onProgress: () => undefined,
    });
    const said = reportLines(report, file.reading).join('\n');
    return { code: report.refused > 0 ? 3 : 0, said, report };
  } catch (error) {
    return { code: 1, said: String(toImportFailure(error)), report: null };
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
