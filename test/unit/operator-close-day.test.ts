import { expect, it } from 'vitest';
import { closeDay } from '../../functions/operator/close-day.ts';
import { OdometerError } from '../../shared/errors.ts';
import type { ClosingOutcome } from '../../shared/ledger/closing.ts';
import type { ShardControl } from '../../shared/ledger/shard-control.ts';

const closing = { day: 20_000, by: 'ops', why: 'old' };

function controlOf(shard: number, answer: () => Promise<ClosingOutcome>): ShardControl {
  // A closing uses nothing else of a shard.
  return { shard, closeDay: answer } as Partial<ShardControl> as ShardControl;
}
const closes = async () => ({ kind: 'closed', leavesDropped: 1, unfinished: null }) as const;

it('U9: a shard that fails is reported, and the others are closed all the same', async () => {
  const failed = (code: 'shard_unavailable' | 'invariant_broken') => async () => {
    throw new OdometerError(code, 'it said so', { retryable: code === 'shard_unavailable' });
  };
  const shards = [
    controlOf(0, failed('shard_unavailable')),
    controlOf(1, closes),
    controlOf(2, failed('invariant_broken')),
    controlOf(3, closes),
  ];
  expect(await closeDay(closing, shards)).toEqual([
    { shard: 0, kind: 'failed', code: 'shard_unavailable', message: 'it said so' },
    { shard: 1, kind: 'closed', leavesDropped: 1, unfinished: null },
    { shard: 2, kind: 'failed', code: 'invariant_broken', message: 'it said so' },
    { shard: 3, kind: 'closed', leavesDropped: 1, unfinished: null },
  ]);
});
