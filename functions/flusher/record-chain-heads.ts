import { logFields } from '../../shared/errors.ts';
import type { ShardLedger } from '../../shared/ledger/shard-ledger.ts';
import type { Logger } from '../../shared/runtime/logger.ts';

/**
 * Writes the head of each partition's chain to the log, which lies outside the database: whoever recomputes a
 * chain after a change cannot recompute the line that was written before it (U12). Never throws: a line that is
 * missing makes `verify` no less right.
 */
export async function logHeads(ledger: ShardLedger, logger: Logger): Promise<void> {
  const { shard } = ledger;
  try {
    logger.info({ shard, heads: await ledger.heads() }, 'ledger heads');
  } catch (error) {
    logger.warn({ shard, ...logFields(error) }, 'ledger heads not read');
  }
}
