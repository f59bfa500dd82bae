import { once } from 'node:events';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { copyColumns } from '../../log/row-tuple.ts';
import type { DayLoad } from '../load.ts';
import type { LoadOutcome } from '../shard-ledger.ts';
import { withinAnswerTime } from './execute.ts';
import { isCountedAlready, toOdometerError } from './shard-error.ts';

/** Signature, no flags, no header extension. */
const copyHeader = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)]);
const copyTrailer = Buffer.from([0xff, 0xff]);

/** Loads one day's rows by COPY BINARY straight into its leaf; the count is the server's own (U5). Throws OdometerError. */
export async function copyDay(client: pg.ClientBase, { rows }: DayLoad, leaf: string): Promise<LoadOutcome> {
  try {
    return { kind: 'loaded', count: await withinAnswerTime(copyRows(client, leaf, rows)) };
  } catch (error) {
    if (isCountedAlready(error, leaf)) return { kind: 'unique' };
    throw toOdometerError(error);
  }
}

/**
 * Written by hand instead of by `pipeline`: after an error of the server, `pipeline` would destroy the stream,
 * which sends CopyFail to a server that has stopped copying, and waits for an answer that never comes.
 */
async function copyRows(client: pg.ClientBase, leaf: string, chunks: readonly Buffer[]): Promise<number> {
  const stream = client.query(copyFrom(`copy ${leaf} (${copyColumns}) from stdin (format binary)`));
  // `once` below rejects with the first error; this listener keeps a second one from ending the process.
  stream.on('error', () => undefined);
  const ended = once(stream, 'finish');
  for (const chunk of [copyHeader, ...chunks]) {
    if (!stream.write(chunk)) await Promise.race([once(stream, 'drain'), ended]);
  }
  stream.end(copyTrailer);
  await ended;
  return stream.rowCount;
}
