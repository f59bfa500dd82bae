/** What a partition's ledger says about itself: ranges that tile and a hash chain that holds. */
import { createHash } from 'node:crypto';
import type { Findings } from './findings.ts';
import type { Commit, ShardProgress } from './shard.ts';

const chainStart = '0'.repeat(64);

/** Commits of this generation start at the first offset, touch, and end at the next one. */
export function checkRanges(progress: ShardProgress, commits: readonly Commit[], findings: Findings): void {
  const { partition, firstOffset, nextOffset } = progress;
  let next = firstOffset;
  for (const { from, to, records, sequence } of commits) {
    if (from !== next || to < from || records !== to - from) {
      findings.add('commit_ranges', `partition ${partition} commit ${sequence}: ${from}-${to} after ${next}`);
    }
    next = to;
  }
  if (next !== nextOffset) {
    const text = `partition ${partition}: commits end at ${next}, progress says ${nextOffset}`;
    findings.add('commit_ranges', text);
  }
}

/** Names the first broken link of each partition; what follows it proves nothing. */
export function checkChain(partition: number, commits: readonly Commit[], findings: Findings): void {
  let previous = chainStart;
  for (const [position, commit] of commits.entries()) {
    if (
      commit.sequence !== position + 1 ||
      commit.previousHash !== previous ||
      hashOf(partition, commit) !== commit.hash
    ) {
      findings.add('hash_chain', `partition ${partition}: first bad commit is ${commit.sequence}`);
      return;
    }
    previous = commit.hash;
  }
}

function hashOf(partition: number, commit: Commit): string {
  const text = JSON.stringify([
    'odometer-commit-3',
    partition,
    commit.sequence,
    commit.generation,
    commit.from,
    commit.to,
    commit.seen,
    commit.inserted,
    commit.duplicate,
    commit.quarantined,
    commit.foreign,
    commit.writeStatements,
    commit.segmentVersion,
    commit.mapVersion,
    commit.source,
    commit.days.map(({ day, count, digest, sums }) => [day, count, digest, sums]),
    commit.decidedBy,
    commit.decidedWhy,
    commit.committedAtMs,
    commit.conflicts,
    commit.quarantineDigest,
    commit.conflictsDigest,
  ]);
  return createHash('sha256').update(Buffer.from(commit.previousHash, 'hex')).update(text).digest('hex');
}
