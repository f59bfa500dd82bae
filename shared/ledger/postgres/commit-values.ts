import { type ChainedCommit, commitHash } from '../commit-hash.ts';

/** The parameters of `add-commit.sql`. */
export function commitValues(previousHash: Buffer, commit: ChainedCommit): readonly unknown[] {
  return [
    commit.partition,
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
    JSON.stringify(commit.days),
    commit.decidedBy,
    commit.decidedWhy,
    previousHash,
    commitHash(previousHash, commit),
    commit.committedAtMs,
    commit.conflicts,
    commit.quarantineDigest,
    commit.conflictsDigest,
  ];
}
