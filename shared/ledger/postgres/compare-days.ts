import type pg from 'pg';
import { formatDay } from '../../events/calendar.ts';
import { closedDaysMax, listedRowsMax, verifyStatementTimeoutMs } from '../../limits.ts';
import type { ClosingProblem } from '../closing.ts';
import type { ChainedDay } from '../commit-hash.ts';
import { dayMismatches, type ReadRows } from './day-mismatches.ts';
import { execute } from './execute.ts';
import { toSafeInteger } from './row-values.ts';
import { loadSql } from './sql.ts';

const readHeads = loadSql('read-heads');
const findNamedDays = loadSql('find-named-days');
const digestDay = loadSql('digest-day');

/** Days whose rows are what the ledger says and add up to the totals, with what the totals are. */
export interface ComparedDays {
  readonly kind: 'agrees';
  /** The last row of each partition's ledger before the first look: what has come since was not compared. */
  readonly heads: ReadonlyMap<number, number>;
  /** By partition. */
  readonly days: ReadonlyMap<number, readonly ChainedDay[]>;
}

/** What a closing of `day` closes beside it: those of `earlier` that something is in. In order. */
export interface PlannedDays {
  readonly day: number;
  readonly earlier: readonly number[];
}

type Difference = Extract<ClosingProblem, { readonly kind: 'differs' }>;

/** The first day that does not agree is the answer; `verify` names all. On a connection of the login `billing`. */
export async function compareDays(
  client: pg.ClientBase,
  { day: last, earlier }: PlannedDays,
): Promise<ComparedDays | Difference | Extract<ClosingProblem, { readonly kind: 'too_many_days' }>> {
  const read: ReadRows = async <Row extends pg.QueryResultRow>(text: string, values?: readonly unknown[]) =>
    (await execute<Row>(client, text, values, verifyStatementTimeoutMs)).rows;
  const heads = new Map(
    (await read<{ partition: number; sequence: string }>(readHeads)).map(({ partition, sequence }) => {
      return [partition, toSafeInteger(sequence)];
    }),
  );
  // Behind the heads: a commit that names a day later is seen when the closing is written. A month's leaf is for all its
  // days, and most of them may hold nothing.
  const named = await read<{ day: number }>(findNamedDays, [earlier.map(formatDay)]);
  const days = [...named.map(({ day }) => day), last];
  const first = days[closedDaysMax - 1];
  if (days.length > closedDaysMax && first !== undefined) return { kind: 'too_many_days', first };
  const compared = new Map<number, ChainedDay[]>();
  for (const day of days.map(formatDay)) {
    // One snapshot: the digest is of the totals that were compared.
    await read('begin isolation level repeatable read, read only');
    const difference = await differenceOf(read, day);
    if (difference !== null) {
      await read('rollback');
      return difference;
    }
    for (const row of await read<{ partition: number; count: string; sums: string }>(digestDay, [day])) {
      const { partition, count, sums } = row;
      const known = compared.get(partition) ?? [];
      compared.set(partition, [...known, { day, count: toSafeInteger(count), digest: null, sums }]);
    }
    await read('rollback');
  }
  return { kind: 'agrees', heads, days: compared };
}

async function differenceOf(read: ReadRows, day: string): Promise<Difference | null> {
  const of = dayMismatches(read);
  const rows = await of.rows(day);
  // Rows that differ add up to other sums, so they would be named twice.
  const commits = (rows.length > 0 ? rows : await of.sums(day)).slice(0, listedRowsMax);
  const totals = await of.totals(day, listedRowsMax);
  return commits.length + totals.length === 0 ? null : { kind: 'differs', day, commits, totals };
}
