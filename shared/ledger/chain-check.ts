/** Checks a partition's ledger row by row (U12, U3); the first problem is the answer. */
import { chainStart, commitHash, type StoredCommit } from './commit-hash.ts';

/** What the next row has to fit to. */
export interface ChainHead {
  readonly sequence: number;
  readonly generation: number | null;
  readonly to: number;
  readonly hash: Buffer;
}

/** The head of a partition's chain as the flusher logged it at some time; the hash in hex digits. */
export interface LoggedHead {
  readonly partition: number;
  readonly sequence: number;
  readonly hash: string;
}

export const emptyChain: ChainHead = { sequence: 0, generation: null, to: 0, hash: chainStart };

/** Why the row does not follow the head, or null. */
export function chainProblem(head: ChainHead, row: StoredCommit): string | null {
  if (row.sequence !== head.sequence + 1) return `row ${head.sequence + 1} is missing`;
  if (!row.previousHash.equals(head.hash)) return 'it does not follow the row before it';
  if (!row.hash.equals(commitHash(row.previousHash, row))) return 'its content is not what was hashed';
  const continues = row.generation === head.generation;
  if (continues && row.from !== head.to)
    return `it starts at ${row.from}, the row before it ends at ${head.to}`;
  if (!continues && head.generation !== null && row.source !== 'decision') {
    return 'a generation starts without a decision';
  }
  return null;
}

/**
 * The heads of one partition that were logged, by sequence. A quiet partition's head is logged every minute, and after a
 * chain was computed anew the new head is logged too: so a sequence can have several hashes, and each has to agree.
 */
export type LoggedChain = ReadonlyMap<number, ReadonlySet<string>>;

export function loggedChain(heads: readonly LoggedHead[], partition: number): LoggedChain {
  const chain = new Map<number, Set<string>>();
  for (const head of heads) {
    if (head.partition !== partition) continue;
    chain.set(head.sequence, (chain.get(head.sequence) ?? new Set()).add(head.hash));
  }
  return chain;
}

/** Why a row whose head was logged is not what it was then, or null; up to `agreedTo` the chain agreed. */
export function loggedProblem(logged: LoggedChain, row: StoredCommit, agreedTo: number): string | null {
  const hashes = logged.get(row.sequence);
  const hash = row.hash.toString('hex');
  if (hashes === undefined || [...hashes].every((one) => one === hash)) return null;
  const first = agreedTo + 1;
  const changed = first === row.sequence ? 'this commit' : `one of the commits ${first} to ${row.sequence}`;
  return `its hash is not the one that was logged: ${changed} is the first that was changed`;
}

export function headOf(row: StoredCommit): ChainHead {
  const { sequence, generation, to, hash } = row;
  return { sequence, generation, to, hash };
}
