/**
 * What a ledger row says of each day that its commit inserted into (U12), by what Postgres itself holds, not by what a
 * client said of it. Whoever recomputes it needs nothing but this comment and `shared/log/row-tuple.ts`.
 *
 *   digest  SHA-256 over the rows as the tuples of COPY BINARY that inserted them, in order of offset and index: every
 *           column but `processed_at`. A Postgres gives each field back by its send function (`numeric_send`, ...).
 *   sums    SHA-256 over ten lines for each sum that was added to `usage_rollups`, each line ended by a newline:
 *           organization, metric, quarter hours since 1970, the dimension set's 16 bytes as hex digits, total, count of
 *           events, smallest and largest quantity, quantity of the latest event, its time in milliseconds since 1970.
 *           Quantities are canonical decimals. Sums are in the order of the first four, by bytes.
 *
 * The row that closes a day has no rows to digest: `digest` is null, and count and sums are of all that the partition's
 * rollups hold of that day (`digest_of_sums` of migration 014).
 */
import { createHash } from 'node:crypto';
import { dayOfQuarter, type TotalChange } from './dimension-sets.ts';

/** The digest of tuples, which may come in parts; hex. */
export function digestOfRows(parts: readonly Buffer[]): string {
  const digest = createHash('sha256');
  for (const part of parts) digest.update(part);
  return digest.digest('hex');
}

/** The digest of sorted sums; hex. */
export function digestOfSums(changes: readonly TotalChange[]): string {
  const lines = changes.map(({ organization, metric, quarter, set, total, count, ...events }) => {
    const { minimum, maximum, latest, latestAtMs } = events;
    const sums = `${organization}\n${metric}\n${quarter}\n${set}\n${total}\n${count}\n`;
    return `${sums}${minimum}\n${maximum}\n${latest}\n${latestAtMs}\n`;
  });
  return createHash('sha256').update(lines.join('')).digest('hex');
}

/** The digest of the sums of each day. */
export function digestsByDay(changes: readonly TotalChange[]): ReadonlyMap<number, string> {
  const byDay = Map.groupBy(changes, ({ quarter }) => dayOfQuarter(quarter));
  return new Map([...byDay].map(([day, ofDay]) => [day, digestOfSums(ofDay)]));
}
