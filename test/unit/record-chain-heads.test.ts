import { expect, it, vi } from 'vitest';
import { recordChainHeads } from '../../functions/flusher/record-chain-heads.ts';
import { OdometerError } from '../../shared/errors.ts';
import type { ShardLedger } from '../../shared/ledger/shard-ledger.ts';

const heads = [{ partition: 5, sequence: 9, hash: 'ab'.repeat(32) }];
const newLogger = () => ({ debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() });

/** A ledger that is asked for nothing but its heads. */
function ledgerWith(read: ShardLedger['heads']): ShardLedger {
  return { shard: 1, heads: read } as unknown as ShardLedger;
}

it('U12: the chain heads of a shard are logged', async () => {
  const logger = newLogger();
  await recordChainHeads(
    ledgerWith(async () => heads),
    logger,
  );
  expect(logger.info.mock.calls).toEqual([[{ shard: 1, heads }, 'ledger heads']]);
});

it('a shard that is down costs the line and nothing else', async () => {
  const logger = newLogger();
  const error = new OdometerError('shard_unavailable', 'down', { retryable: true });
  await recordChainHeads(
    ledgerWith(() => Promise.reject(error)),
    logger,
  );
  expect(logger.warn.mock.calls).toMatchObject([[{ shard: 1, err: error }, 'ledger heads not read']]);
});
