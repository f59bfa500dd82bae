/** `npm run recount [-- --endpoints FILE] [--complete] [--json]`: exit code 1 on differences. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { recount } from './recount.ts';
import { toText } from './report-text.ts';

const { values } = parseArgs({
  options: {
    endpoints: { type: 'string' },
    topic: { type: 'string', default: 'billing.usage.events' },
    complete: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const { ODOMETER_DATA_DIR: dataDir = '.odometer' } = process.env;
const file = values.endpoints ?? join(dataDir, 'endpoints.json');
const endpoints: unknown = JSON.parse(await readFile(file, 'utf8'));
const { kafka, shards } = checkEndpoints(endpoints);
const report = await recount({ kafka, shards, topic: values.topic, complete: values.complete });
process.stdout.write(`${values.json ? JSON.stringify(report, null, 2) : toText(report)}\n`);
process.exitCode = report.equal ? 0 : 1;

function checkEndpoints(value: unknown): { readonly kafka: string; readonly shards: readonly string[] } {
  if (typeof value === 'object' && value !== null && 'kafka' in value && 'shards' in value) {
    const { kafka, shards } = value;
    if (
      typeof kafka === 'string' &&
      Array.isArray(shards) &&
      shards.every((dsn) => typeof dsn === 'string')
    ) {
      return { kafka, shards };
    }
  }
  throw new Error(`${file} names no kafka and shards; is Odometer running?`);
}
