import { describe, expect, it } from 'vitest';
import { type AttemptEvent, commitRange, type RangeState } from '../../functions/flusher/commit-range.ts';
import type { CommitStep } from '../../shared/ledger/checkpoint.ts';
import type { OffsetRange } from '../../shared/ledger/load.ts';
import type {
  MovedRange,
  ProgressMove,
  ShardLedger,
  TransactionOutcome,
} from '../../shared/ledger/shard-ledger.ts';
import { checkedRangesAfterDuplicate } from '../../shared/limits.ts';
import { foldRecords } from '../../shared/segments/fold.ts';
import { envelope, records, sealedEvent } from '../harness/builders/records.ts';

/** What the caller sees after an attempt came to an event; `again`: what the second attempt then came to. */
interface Expected {
  readonly again?: AttemptEvent;
  readonly outcome: 'committed' | 'fenced' | 'shard_unavailable' | 'invariant_broken';
  readonly steps: readonly CommitStep[];
  /** What the progress row keeps: ranges after this one that are checked. */
  readonly checkedRanges?: number;
}

const written: readonly CommitStep[] = ['before-compare-and-set', 'after-copy', 'before-commit'];
const all: readonly CommitStep[] = [...written, 'after-commit'];

const table: Readonly<Record<RangeState, Readonly<Record<AttemptEvent, Expected>>>> = {
  unchecked: {
    acknowledged: { outcome: 'committed', steps: all, checkedRanges: 0 },
    'took-effect': { outcome: 'committed', steps: all, checkedRanges: 0 },
    'took-no-effect': { outcome: 'shard_unavailable', steps: written },
    overtaken: { outcome: 'fenced', steps: written },
    fenced: { outcome: 'fenced', steps: ['before-compare-and-set'] },
    'counted-key': {
      again: 'acknowledged',
      outcome: 'committed',
      steps: ['before-compare-and-set', ...all],
      checkedRanges: checkedRangesAfterDuplicate,
    },
  },
  checked: {
    acknowledged: { outcome: 'committed', steps: all, checkedRanges: 2 },
    'took-effect': { outcome: 'committed', steps: all, checkedRanges: 2 },
    'took-no-effect': { outcome: 'shard_unavailable', steps: written },
    overtaken: { outcome: 'fenced', steps: written },
    fenced: { outcome: 'fenced', steps: ['before-compare-and-set'] },
    'counted-key': { outcome: 'invariant_broken', steps: ['before-compare-and-set'] },
  },
};

const from = 4;
const { segments } = foldRecords(records([envelope([sealedEvent()])], from), 0);
const range: OffsetRange = { partition: 0, from, to: from + 1, source: 'segments', segments };
const transactionKinds: Readonly<Record<AttemptEvent, TransactionOutcome<unknown>['kind']>> = {
  acknowledged: 'committed',
  'took-effect': 'unknown',
  'took-no-effect': 'unknown',
  overtaken: 'unknown',
  fenced: 'rolled-back',
  'counted-key': 'rolled-back',
};

/** A shard on which each transaction ends with the next of `events`; its COPY loads so many rows more than it was given. */
function shardWith(events: readonly AttemptEvent[], loadedMore = 0) {
  const left = [...events];
  const moves: ProgressMove[] = [];
  const lookups: number[] = [];
  let event: AttemptEvent = 'acknowledged';
  const moved: MovedRange = {
    findCounted: async (probes) => {
      lookups.push(probes.length);
      return [];
    },
    loadDay: async ({ count }) =>
      event === 'counted-key' ? { kind: 'unique' } : { kind: 'loaded', count: count + loadedMore },
    addRollups: async () => {},
    addQuarantine: async () => {},
    addConflicts: async () => {},
    addCommit: async () => {},
  };
  const used: Pick<ShardLedger, 'ensureDays' | 'nextOffset' | 'transaction'> = {
    ensureDays: async () => new Set(),
    nextOffset: async () => ({ 'took-effect': from + 1, overtaken: from + 3 })[String(event)] ?? from,
    async transaction(_partition, work) {
      event = left.shift() ?? 'acknowledged';
      const { value } = await work({
        moveProgress: async (move) => {
          moves.push(move);
          return event === 'fenced' ? null : moved;
        },
      });
      return { kind: transactionKinds[event], value };
    },
  };
  // A commit uses no other method of a shard.
  return { ledger: used as ShardLedger, moves, lookups, unused: left };
}

const cases = Object.entries(table).flatMap(([state, cells]) =>
  Object.entries(cells).map(([event, expected]) => [state, event, expected] as const),
);

describe('commitRange', () => {
  it.each(cases)('U3: a range that is %s, after %s', async (state, event, expected) => {
    // `Object.entries` forgets that its keys are those of the table.
    const events = [event as AttemptEvent, ...(expected.again === undefined ? [] : [expected.again])];
    const { ledger, moves, lookups, unused } = shardWith(events);
    const steps: CommitStep[] = [];
    const checkpoint = async (step: CommitStep) => void steps.push(step);
    const work = commitRange(
      range,
      { checkedRanges: state === 'checked' ? 3 : 0, generation: 1, closedBefore: null },
      { ledger, checkpoint },
    );
    const outcome = await work.catch((error: { readonly code: string }) => ({ kind: error.code }));
    expect(outcome).toMatchObject({ kind: expected.outcome });
    expect(steps).toEqual(expected.steps);
    expect(unused).toEqual([]);
    expect(lookups).toHaveLength(state === 'checked' ? Number(event !== 'fenced') : events.length - 1);
    if (expected.checkedRanges === undefined) return;
    expect(outcome).toMatchObject({ next: range.to, checkedRanges: expected.checkedRanges });
    expect(moves.at(-1)).toMatchObject({ from, to: range.to, checkedRanges: expected.checkedRanges });
  });

  it.each([-1, 1])(
    'U5: a COPY that loads other rows than it was given is not committed: %d',
    async (more) => {
      const { ledger } = shardWith(['acknowledged'], more);
      const steps: CommitStep[] = [];
      const checkpoint = async (step: CommitStep) => void steps.push(step);
      const work = commitRange(
        range,
        { checkedRanges: 0, generation: 1, closedBefore: null },
        { ledger, checkpoint },
      );
      await expect(work).rejects.toMatchObject({ code: 'invariant_broken' });
      expect(steps).toEqual(['before-compare-and-set']);
    },
  );

  it.each([-1, 1])('U5: a range whose counts do not add up is not committed: %d', async (more) => {
    const { ledger } = shardWith(['acknowledged']);
    const wrong = segments.map((one) => ({ ...one, meta: { ...one.meta, seen: one.meta.seen + more } }));
    const steps: CommitStep[] = [];
    const checkpoint = async (step: CommitStep) => void steps.push(step);
    const work = commitRange(
      { ...range, segments: wrong },
      { checkedRanges: 0, generation: 1, closedBefore: null },
      { ledger, checkpoint },
    );
    await expect(work).rejects.toMatchObject({ code: 'invariant_broken' });
    expect(steps).not.toContain('before-commit');
  });
});
