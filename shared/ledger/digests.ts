/**
 * What a ledger row says of each day that its commit inserted into (U12), by what Postgres itself holds, not by what a
 * client said of it. Whoever recomputes it needs nothing but this comment and `shared/log/row-tuple.ts`.
 *
 *   digest  SHA-256 over the rows as the tuples of COPY BINARY that inserted them, in order of offset and index: every
 *           column but `processed_at`. A Postgres gives each field back by its send function (`numeric_send`, ...).
 *   sums    SHA-256 over five lines for each sum that was added to `usage_rollups`, each line ended by a newline:
 *           organization, metric, quarter hours since 1970, total as canonical decimal, count of events. Sums are in
 *           the order of organization, metric and quarter, by bytes.
 *
 * The row that closes a day has no rows to digest: `digest` is null, and count and sums are of all that the partition's
 * rollups hold of that day (`digest_of_sums` of migration 008).
 */
import { createHash } from 'node:crypto';
import type { Rollup } from '../segments/rollup.ts';

/** The digest of tuples, which may come in parts; hex. */
export function digestOfRows(parts: readonly Buffer[]): string {
  const digest = createHash('sha256');
  for (const part of parts) digest.update(part);
  return digest.digest('hex');
}

/** The digest of sorted sums; hex. */
export function digestOfSums(rollups: readonly Rollup[]): string {
  const lines = rollups.map(({ organization, metric, quarter, total, count }) => {
    return `${organization}\n${metric}\n${quarter}\n${total}\n${count}\n`;
  });
  return createHash('sha256').update(lines.join('')).digest('hex');
}
