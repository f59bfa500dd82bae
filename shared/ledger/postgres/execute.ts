import type pg from 'pg';
import { OdometerError } from '../../errors.ts';
import { shardAnswerTimeoutMs } from '../../limits.ts';
import { within } from '../../runtime/within.ts';
import { toOdometerError } from './shard-error.ts';

/** One statement whose answer is waited for only so long: the server may hang. Throws OdometerError. */
export async function execute<Row extends pg.QueryResultRow>(
  client: pg.ClientBase,
  text: string,
  values?: readonly unknown[],
  answerTimeoutMs = shardAnswerTimeoutMs,
): Promise<pg.QueryResult<Row>> {
  const query = values === undefined ? client.query<Row>(text) : client.query<Row>(text, [...values]);
  try {
    return await withinAnswerTime(query, answerTimeoutMs);
  } catch (error) {
    throw toOdometerError(error);
  }
}

/** Rejects with `shard_unavailable` when the answer takes too long; the caller then discards the connection. */
export function withinAnswerTime<T>(answer: Promise<T>, answerTimeoutMs = shardAnswerTimeoutMs): Promise<T> {
  return within(answer, answerTimeoutMs, () => {
    throw new OdometerError('shard_unavailable', 'the shard does not answer', { retryable: true });
  });
}
