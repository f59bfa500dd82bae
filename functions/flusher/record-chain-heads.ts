import { failure } from '../../shared/errors.ts';
import type { ShardLedger } from '../../shared/ledger/shard-ledger.ts';
import type { Logger } from '../../shared/runtime/logger.ts';

/**
 * Logs the head of each partition's chain, because the log is outside the database: somebody who changes a row and
 * recomputes the chain cannot change the line that was written before (U12). Never throws: without a line `verify`
 * compares less, and is not wrong.
 */
export async function recordChainHeads(ledger: ShardLedger, logger: Logger): Promise<void> {
  const { shard } = ledger;
  try {
    logger.info({ shard, heads: await ledger.heads() }, 'ledger heads');
  } catch (error) {
    logger.warn({ shard, ...failure(error) }, 'ledger heads not read');
  }
}
