/** What the log or the rows say that a commit must have found, against what its ledger row says. */
import { createHash, type Hash } from 'node:crypto';
import type { ClosedDays } from './closed-days.ts';
import type { Findings } from './findings.ts';
import { tupleOf } from './row-tuple.ts';
import type { Commit, ShardRow } from './shard.ts';
import { addTo, dateOf, digestOfSums, type Sum, sumOf } from './sums.ts';

interface Day {
  count: number;
  readonly rows: Hash;
  readonly sums: Map<string, Sum>;
}

export class CommitTally {
  seen = 0;
  duplicate = 0;
  quarantined = 0;
  foreign = 0;
  readonly #days = new Map<number, Day>();

  /** `set` names the dimension set whose total the row is in. */
  addRow(row: ShardRow, set: string): void {
    const day = this.#days.get(row.day) ?? { count: 0, rows: createHash('sha256'), sums: new Map() };
    this.#days.set(row.day, day);
    day.count += 1;
    day.rows.update(tupleOf(row));
    addTo(day.sums, sumOf(row, set));
  }

  compare(partition: number, commit: Commit, findings: Findings): void {
    const { seen, duplicate, quarantined, foreign } = this;
    const inserted = [...this.#days.values()].reduce((sum, { count }) => sum + count, 0);
    const expected = JSON.stringify({ seen, inserted, duplicate, quarantined, foreign });
    const actual = JSON.stringify({
      seen: commit.seen,
      inserted: commit.inserted,
      duplicate: commit.duplicate,
      quarantined: commit.quarantined,
      foreign: commit.foreign,
    });
    const where = `partition ${partition} commit ${commit.from}-${commit.to}`;
    if (expected !== actual) findings.add('commit_counts', `${where}: log ${expected}, ledger ${actual}`);
    this.#compareDays(where, commit.days, findings);
  }

  /** Where the log is gone: the rows of the days that are not closed against the ledger. */
  compareRows(partition: number, commit: Commit, closed: ClosedDays, findings: Findings): void {
    const where = `partition ${partition} commit ${commit.from}-${commit.to}`;
    const stored = commit.days.filter(({ day }) => !closed.has(day));
    const rows = [...this.#days.values()].reduce((sum, { count }) => sum + count, 0);
    const claimed = stored.reduce((sum, { count }) => sum + count, 0);
    if (rows !== claimed || (closed.count === 0 && rows !== commit.inserted)) {
      findings.add(
        'commit_counts',
        `${where}: ${rows} rows, ledger ${claimed} of ${commit.inserted} inserted`,
      );
    }
    this.#compareDays(where, stored, findings);
  }

  #compareDays(where: string, days: Commit['days'], findings: Findings): void {
    const found = [...this.#days].map(([day, { count, rows, sums }]) => {
      return { day: dateOf(day), count, digest: rows.digest('hex'), sums: digestOfSums([...sums.values()]) };
    });
    // A row that closes a day has no digest of rows.
    const stored = days.filter(({ digest }) => digest !== null);
    const digests = (days: Commit['days']) =>
      days.map(({ day, count, digest }) => `${day} ${count} ${digest}`).sort();
    const sums = (days: Commit['days']) => days.map((day) => `${day.day} ${day.sums}`).sort();
    for (const [name, of] of [
      ['day_digest', digests],
      ['sums_digest', sums],
    ] as const) {
      const [counted, claimed] = [of(found).join(', '), of(stored).join(', ')];
      if (counted !== claimed) findings.add(name, `${where}: counted [${counted}], ledger [${claimed}]`);
    }
  }
}
