import {
  type ChainHead,
  chainProblem,
  emptyChain,
  headOf,
  type LoggedChain,
  type LoggedHead,
  loggedChain,
  loggedProblem,
} from '../../shared/ledger/chain-check.ts';
import { type ClosingRow, DayCounts, unboundClosing } from '../../shared/ledger/closed-check.ts';
import type { CommitMismatch, CountedSum, TotalMismatch } from '../../shared/ledger/mismatches.ts';
import type { PartitionState, ShardControl } from '../../shared/ledger/shard-control.ts';
import { verifyPageRows, verifyTotalsMax } from '../../shared/limits.ts';

/** The first commit of a partition that is not what it was; `sequence` is null where no ledger row can be named. */
interface BadCommit {
  readonly shard: number;
  readonly partition: number;
  readonly sequence: number | null;
  readonly from: number | null;
  readonly problem: string;
}

/** A total that is not the sum of its rows. */
interface BadTotal {
  readonly partition: number;
  readonly organization: string;
  readonly metric: string;
  /** Canonical text of the dimension set, or `other`. */
  readonly dimensions: string;
  /** The start of the quarter hour. */
  readonly quarter: string;
  readonly rows: CountedSum;
  readonly rollup: CountedSum;
}

interface VerifiedHead {
  readonly partition: number;
  readonly sequence: number;
  readonly hash: string;
  /**
   * The last logged head that the chain agrees with. Above it nothing outside the database protects the chain: who
   * may change everything in there can compute it anew. 0 where no head of the partition was given.
   */
  readonly loggedTo: number;
}

export interface ShardVerdict {
  readonly shard: number;
  readonly commits: number;
  /** The last hash of each partition's chain: what was logged outside the database must be in the chain. */
  readonly heads: readonly VerifiedHead[];
  readonly bad: readonly BadCommit[];
  /** The first `verifyTotalsMax` of them. */
  readonly totals: readonly BadTotal[];
}

const keptProblems = {
  quarantine: 'its quarantined records are not what it kept aside',
  conflicts: 'its conflicts are not what it recorded',
} as const;

interface WalkedChain {
  readonly head: ChainHead;
  readonly loggedTo: number;
  readonly bad: BadCommit | null;
  readonly closings: readonly ClosingRow[];
}

/**
 * Recomputes every chain of a shard; compares the rows of each day, and what was kept aside, with the ledger, and the
 * totals, which are what is billed, with the rows; and the chain with heads that were logged outside the database: only they reveal a chain that
 * was computed anew after a change (U12).
 */
export async function verifyShard(
  control: ShardControl,
  loggedHeads: readonly LoggedHead[] = [],
): Promise<ShardVerdict> {
  const { shard } = control;
  const chains = new Map<number, WalkedChain>();
  for (const state of await control.partitions()) {
    chains.set(state.partition, await walkChain(control, state, loggedChain(loggedHeads, state.partition)));
  }
  const unbound = (await control.partitions()).flatMap(({ partition, closedBefore }) => {
    const closing = unboundClosing(chains.get(partition)?.closings ?? [], closedBefore);
    if (closing === null) return [];
    const { sequence, from, lastDay } = closing;
    return [{ shard, partition, sequence, from, problem: `it closes ${lastDay}, which is not closed` }];
  });
  const bad = [...[...chains.values()].flatMap((chain) => chain.bad ?? []), ...unbound];
  const totals: BadTotal[] = [];
  // Same type: which commit, and what of it, in the order of the sentence.
  const add = ({ partition, sequence, from }: Omit<CommitMismatch, 'day'>, problem: string) =>
    bad.push({ shard, partition, sequence, from, problem });
  for (const day of await control.days()) {
    for (const row of await control.rowMismatches(day))
      add(row, `its rows of ${day} are not what was counted`);
    for (const row of await control.sumMismatches(day))
      add(row, `its rows of ${day} do not add up to the sums that it added`);
    for (const row of await control.closedMismatches(day))
      add(row, `the totals of ${day} are not what they were when this commit closed the day`);
    const rest = verifyTotalsMax - totals.length;
    if (rest > 0) totals.push(...(await control.totalMismatches(day, rest)).map(toBadTotal));
  }
  for (const row of await control.keptMismatches()) add(row, keptProblems[row.kind]);
  const heads = [...chains].map(([partition, { head, loggedTo }]) => {
    return { partition, sequence: head.sequence, hash: head.hash.toString('hex'), loggedTo };
  });
  const commits = heads.reduce((sum, { sequence }) => sum + sequence, 0);
  return { shard, commits, heads, bad: firstOfEach(bad), totals };
}

async function walkChain(
  control: ShardControl,
  state: PartitionState,
  logged: LoggedChain,
): Promise<WalkedChain> {
  const { partition } = state;
  const { shard } = control;
  const days = new DayCounts();
  const { closings } = days;
  let head = emptyChain;
  let loggedTo = 0;
  for (;;) {
    const page = await control.commits({
      partition,
      aboveSequence: head.sequence,
      rowsMax: verifyPageRows,
    });
    for (const row of page) {
      const problem = chainProblem(head, row) ?? loggedProblem(logged, row, loggedTo) ?? days.take(row);
      const { sequence, from } = row;
      if (problem !== null)
        return { head, loggedTo, bad: { shard, partition, sequence, from, problem }, closings };
      if (logged.has(sequence)) loggedTo = sequence;
      head = headOf(row);
    }
    if (page.length < verifyPageRows) break;
  }
  const problem = endProblem(head, state, logged);
  if (problem === null) return { head, loggedTo, bad: null, closings };
  const sequence = head.sequence === 0 ? null : head.sequence;
  const end = head.generation === null ? state.firstOffset : head.to;
  return { head, loggedTo, bad: { shard, partition, sequence, from: end, problem }, closings };
}

/** Why a chain whose rows are right ends too early, or null. */
function endProblem(head: ChainHead, state: PartitionState, logged: LoggedChain): string | null {
  // Progress was read before the ledger, so commits made meanwhile cannot make the ledger look too short.
  const generation = head.generation ?? state.generation;
  const end = head.generation === null ? state.firstOffset : head.to;
  const reaches = generation === state.generation && end >= state.nextOffset;
  if (!reaches && generation <= state.generation)
    return `the ledger ends at ${end}, progress is at ${state.nextOffset}`;
  const last = [...logged.keys()].reduce((one, other) => Math.max(one, other), 0);
  return last > head.sequence ? `the ledger ends at row ${head.sequence}, and a later one was logged` : null;
}

function toBadTotal({ quarterMs, ...total }: TotalMismatch): BadTotal {
  return { ...total, quarter: new Date(quarterMs).toISOString() };
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
