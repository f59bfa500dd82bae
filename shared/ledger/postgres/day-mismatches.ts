import type pg from 'pg';
import type { CommitMismatch, TotalMismatch } from '../mismatches.ts';
import { toSafeInteger } from './row-values.ts';
import { loadSql } from './sql.ts';

const findRowMismatches = loadSql('find-row-mismatches');
const findSumMismatches = loadSql('find-sum-mismatches');
const findClosedMismatches = loadSql('find-closed-mismatches');
const findTotalMismatches = loadSql('find-total-mismatches');

/** Runs one statement as the login `billing`, which sees every tenant's rows. */
export type ReadRows = <Row extends pg.QueryResultRow>(
  text: string,
  values?: readonly unknown[],
) => Promise<readonly Row[]>;

export interface MismatchRow {
  readonly partition: number;
  readonly sequence: string | null;
  readonly from_offset: string | null;
}

interface TotalRow {
  readonly partition: number;
  readonly organization: string;
  readonly metric: string;
  readonly quarter_ms: string;
  readonly dimensions: string;
  readonly rows_total: string;
  readonly rows_count: string;
  readonly rows_minimum: string | null;
  readonly rows_maximum: string | null;
  readonly rows_latest: string | null;
  readonly rollup_total: string;
  readonly rollup_count: string;
  readonly rollup_minimum: string | null;
  readonly rollup_maximum: string | null;
  readonly rollup_latest: string | null;
}

/** How `verify` and the closing of a day compare one day; see `ShardControl`. */
export function dayMismatches(read: ReadRows) {
  // Same type: a statement is no day, and Postgres refuses it.
  const ofCommits = async (text: string, day: string) =>
    (await read<MismatchRow>(text, [day])).map((row) => fromRowMismatch({ ...row, day }));
  return {
    rows: (day: string) => ofCommits(findRowMismatches, day),
    sums: (day: string) => ofCommits(findSumMismatches, day),
    closed: (day: string) => ofCommits(findClosedMismatches, day),
    totals: async (day: string, rowsMax: number) =>
      (await read<TotalRow>(findTotalMismatches, [day, rowsMax])).map(fromRowTotal),
  };
}

export function fromRowMismatch({
  partition,
  day,
  sequence,
  from_offset: from,
}: MismatchRow & { readonly day: string }): CommitMismatch {
  const orNull = (value: string | null) => (value === null ? null : toSafeInteger(value));
  return { partition, day, sequence: orNull(sequence), from: orNull(from) };
}

function fromRowTotal(row: TotalRow): TotalMismatch {
  const { partition, organization, metric, dimensions } = row;
  return {
    ...{ partition, organization, metric, dimensions, quarterMs: toSafeInteger(row.quarter_ms) },
    rows: {
      ...{ total: row.rows_total, count: toSafeInteger(row.rows_count) },
      ...{ minimum: row.rows_minimum, maximum: row.rows_maximum, latest: row.rows_latest },
    },
    rollup: {
      ...{ total: row.rollup_total, count: toSafeInteger(row.rollup_count) },
      ...{ minimum: row.rollup_minimum, maximum: row.rollup_maximum, latest: row.rollup_latest },
    },
  };
}
