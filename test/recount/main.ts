/** `odometer recount`: compares what the log holds with what the shards have counted. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { type RecountTarget, recount } from './recount.ts';
import { toText } from './report-text.ts';

interface Options {
  readonly endpoints?: string;
  readonly topic: string;
  readonly complete: boolean;
}

/** A mistake that the user can mend: the command line recognizes it by its name. */
class UserError extends Error {
  override readonly name = 'UserError';
}

type Report = (answer: { readonly json: unknown; readonly text: string; readonly found: boolean }) => void;

export function define(command: Command, report: Report): void {
  command
    .description(
      'Counts again what the shards have counted, from the log, with a decoder and decimals of its own.',
    )
    .option('--endpoints <file>', 'Names kafka and shards. Default: endpoints.json in $ODOMETER_DATA_DIR.')
    .option('--topic <name>', 'The topic of the usage events.', 'billing.usage.events')
    .option('--complete', 'Records that are not committed yet are a difference.', false)
    .addHelpText('after', '\nExit code 3: log and shards differ.\n\nExample: odometer recount --complete')
    .action(async ({ endpoints = endpointsDefault(), topic, complete }: Options) => {
      const found = await recount({ ...(await readEndpoints(endpoints)), topic, complete });
      report({ json: found, text: toText(found), found: !found.equal });
    });
}

function endpointsDefault(): string {
  const { ODOMETER_DATA_DIR: dataDir } = process.env;
  return join(dataDir || join(import.meta.dirname, '..', '..', '.odometer'), 'endpoints.json');
}

async function readEndpoints(file: string): Promise<Pick<RecountTarget, 'kafka' | 'shards'>> {
  const text = await readFile(file, 'utf8').catch(() => {
    throw new UserError(
      `There is no ${file}: start the twin with npm start, or name another file by --endpoints.`,
    );
  });
  const value: unknown = JSON.parse(text);
  if (typeof value === 'object' && value !== null && 'kafka' in value && 'shards' in value) {
    const { kafka, shards } = value;
    if (
      typeof kafka === 'string' &&
      Array.isArray(shards) &&
      shards.every((dsn: unknown) => typeof dsn === 'string')
    ) {
      return { kafka, shards };
    }
  }
  throw new UserError(`${file} names no kafka and shards: give the endpoints.json of a twin by --endpoints.`);
}
