/** Where rows, totals and ledger of a day do not agree (U12). */

/** A commit that one day's rows or totals disagree with; `sequence` and `from` null: rows that no commit inserted. */
export interface CommitMismatch {
  readonly partition: number;
  readonly day: string;
  readonly sequence: number | null;
  readonly from: number | null;
}

/** A commit whose quarantined records or conflicts are not what it kept aside; nulls as above. */
export interface KeptMismatch extends Omit<CommitMismatch, 'day'> {
  readonly kind: 'quarantine' | 'conflicts';
}

/** A sum as canonical decimal text, and how many events are in it. */
export interface CountedSum {
  readonly total: string;
  readonly count: number;
}

/** A total that is not the sum of its rows; a side that is missing is a sum of nothing. */
export interface TotalMismatch {
  readonly partition: number;
  readonly organization: string;
  readonly metric: string;
  readonly quarterMs: number;
  readonly rows: CountedSum;
  readonly rollup: CountedSum;
}
