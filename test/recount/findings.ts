/** What does not agree, by name; the names are the vocabulary of the report. */
export type DifferenceName =
  | 'row_missing'
  | 'row_extra'
  | 'row_differs'
  | 'hour_of_rows'
  | 'hour_of_rollups'
  | 'commit_ranges'
  | 'commit_counts'
  | 'sum_of_seen'
  | 'day_digest'
  | 'sums_digest'
  | 'closed_day'
  | 'hash_chain'
  | 'kept_digest'
  | 'record_hash'
  | 'key_twice'
  | 'organization_split'
  | 'wrong_shard'
  | 'partition_missing'
  | 'log_short'
  | 'log_start'
  | 'log_hole'
  | 'quarantine'
  | 'conflicts'
  | 'blocked_committed'
  | 'in_flight';

export interface Difference {
  readonly name: DifferenceName;
  readonly count: number;
  /** The first few, in words. */
  readonly examples: readonly string[];
}

const examplesMax = 10;

export class Findings {
  readonly #found = new Map<DifferenceName, { count: number; examples: string[] }>();

  add(name: DifferenceName, example: string): void {
    const entry = this.#found.get(name) ?? { count: 0, examples: [] };
    this.#found.set(name, entry);
    entry.count += 1;
    if (entry.examples.length < examplesMax) entry.examples.push(example);
  }

  list(): readonly Difference[] {
    return [...this.#found].map(([name, { count, examples }]) => ({ name, count, examples }));
  }
}
