/**
 * Commits whose records the log no longer holds whole: retention removed them, or the partition's offsets started again.
 * Their rows are compared with what the ledger says of them.
 */
import type { ClosedDays } from './closed-days.ts';
import { CommitTally } from './commit-tally.ts';
import { toUnits } from './decimal.ts';
import type { DimensionSets } from './dimension-sets.ts';
import type { Findings } from './findings.ts';
import { HourSums } from './hour-sums.ts';
import type { Commit, ShardRow } from './shard.ts';

export class OlderCommits {
  readonly sums = new HourSums();
  rows = 0;
  readonly #commits: readonly Commit[];
  readonly #closed: ClosedDays;
  readonly #findings: Findings;
  readonly #sets: DimensionSets;
  readonly #partition: number;
  #tally = new CommitTally();
  #at = 0;

  constructor(
    { partition, commits }: { readonly partition: number; readonly commits: readonly Commit[] },
    closed: ClosedDays,
    sets: DimensionSets,
    findings: Findings,
  ) {
    this.#partition = partition;
    this.#commits = commits;
    this.#closed = closed;
    this.#sets = sets;
    this.#findings = findings;
  }

  get count(): number {
    return this.#commits.length;
  }

  /** Takes rows in order of generation, offset and index. */
  take(row: ShardRow): void {
    // Its totals are compared as they were when the day was closed.
    if (this.#closed.hasTime(row.eventTimeMs)) return;
    this.rows += 1;
    this.sums.add(row.organization, row.metric, row.eventTimeMs, toUnits(row.quantity));
    const set = this.#sets.setOf(row);
    this.#sets.add(row, set);
    for (let commit = this.#commits[this.#at]; commit !== undefined && isBehind(commit, row); ) {
      this.#close(commit);
      commit = this.#commits[this.#at];
    }
    const commit = this.#commits[this.#at];
    if (commit === undefined || commit.generation !== row.generation || commit.from > row.offset) {
      const { offset, index, organization, key } = row;
      const place = `partition ${this.#partition} at ${offset}/${index}`;
      this.#findings.add('row_extra', `${place} ${organization} ${key}: no commit inserted it`);
    } else {
      this.#tally.addRow(row, set);
    }
  }

  finish(): void {
    for (let commit = this.#commits[this.#at]; commit !== undefined; commit = this.#commits[this.#at]) {
      this.#close(commit);
    }
  }

  #close(commit: Commit): void {
    this.#tally.compareRows(this.#partition, commit, this.#closed, this.#findings);
    this.#tally = new CommitTally();
    this.#at += 1;
  }
}

function isBehind(commit: Commit, row: ShardRow): boolean {
  if (commit.generation !== row.generation) return commit.generation < row.generation;
  return commit.to <= row.offset;
}
