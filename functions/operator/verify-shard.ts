import {
  type ChainHead,
  chainProblem,
  emptyChain,
  headOf,
  type LoggedHead,
  loggedProblem,
} from '../../shared/ledger/chain-check.ts';
import type { PartitionState, ShardControl } from '../../shared/ledger/shard-control.ts';
import { verifyPageRows } from '../../shared/limits.ts';

/** The first commit of a partition that is not what it was; `sequence` is null where no ledger row can be named. */
interface BadCommit {
  readonly shard: number;
  readonly partition: number;
  readonly sequence: number | null;
  readonly from: number | null;
  readonly problem: string;
}

export interface ShardVerdict {
  readonly shard: number;
  readonly commits: number;
  /** The last hash of each partition's chain: what was logged outside the database must be in the chain. */
  readonly heads: readonly { readonly partition: number; readonly sequence: number; readonly hash: string }[];
  readonly bad: readonly BadCommit[];
}

interface WalkedChain {
  readonly head: ChainHead;
  readonly bad: BadCommit | null;
  /** Sequence of the row that starts at an offset. */
  readonly sequences: ReadonlyMap<number, number>;
}

/**
 * Recomputes every chain of a shard, compares each day's rows with the ledger, and the chain with heads that were
 * logged outside the database: only they reveal a chain that was recomputed after a change (U12).
 */
export async function verifyShard(
  control: ShardControl,
  loggedHeads: readonly LoggedHead[] = [],
): Promise<ShardVerdict> {
  const { shard } = control;
  const chains = new Map<number, WalkedChain>();
  for (const state of await control.partitions()) {
    const ofPartition = loggedHeads.filter(({ partition }) => partition === state.partition);
    const logged = new Map(ofPartition.map(({ sequence, hash }) => [sequence, hash]));
    chains.set(state.partition, await walkChain(control, state, logged));
  }
  const bad = [...chains.values()].flatMap((chain) => chain.bad ?? []);
  for (const day of await control.days()) {
    for (const { partition, from } of await control.dayMismatches(day)) {
      const sequence = from === null ? null : (chains.get(partition)?.sequences.get(from) ?? null);
      const problem = `its rows of ${day} are not what was counted`;
      bad.push({ shard, partition, sequence, from, problem });
    }
  }
  const heads = [...chains].map(([partition, { head }]) => {
    return { partition, sequence: head.sequence, hash: head.hash.toString('hex') };
  });
  const commits = heads.reduce((sum, { sequence }) => sum + sequence, 0);
  return { shard, commits, heads, bad: firstOfEach(bad) };
}

async function walkChain(
  control: ShardControl,
  state: PartitionState,
  logged: ReadonlyMap<number, string>,
): Promise<WalkedChain> {
  const { partition } = state;
  const { shard } = control;
  const sequences = new Map<number, number>();
  let head = emptyChain;
  for (;;) {
    const page = await control.commits({
      partition,
      aboveSequence: head.sequence,
      rowsMax: verifyPageRows,
    });
    for (const row of page) {
      const problem = chainProblem(head, row) ?? loggedProblem(logged, row);
      const { sequence, from } = row;
      if (problem !== null) return { head, sequences, bad: { shard, partition, sequence, from, problem } };
      if (row.to > from) sequences.set(from, sequence);
      head = headOf(row);
    }
    if (page.length < verifyPageRows) break;
  }
  // Progress was read before the ledger, so commits made meanwhile cannot make the ledger look too short.
  const generation = head.generation ?? state.generation;
  const end = head.generation === null ? state.firstOffset : head.to;
  const reaches = generation === state.generation && end >= state.nextOffset;
  const complete = reaches || generation > state.generation;
  const sequence = head.sequence === 0 ? null : head.sequence;
  const lost = Math.max(0, ...logged.keys()) > head.sequence;
  if (complete && !lost) return { head, sequences, bad: null };
  const problem = complete
    ? `the ledger ends at row ${head.sequence}, and a later one was logged`
    : `the ledger ends at ${end}, progress is at ${state.nextOffset}`;
  return { head, sequences, bad: { shard, partition, sequence, from: end, problem } };
}

/** The bad commit with the lowest sequence of each partition. */
function firstOfEach(bad: readonly BadCommit[]): readonly BadCommit[] {
  const first = new Map<number, BadCommit>();
  for (const one of bad) {
    const known = first.get(one.partition);
    if (known === undefined || place(one) < place(known)) first.set(one.partition, one);
  }
  return [...first.values()];
}

function place({ sequence }: BadCommit): number {
  return sequence ?? Number.POSITIVE_INFINITY;
}
