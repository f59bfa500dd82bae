/** What the log or the rows say that a commit must have found, against what its ledger row says. */
import { createHash, type Hash } from 'node:crypto';
import { fromUnits, toUnits } from './decimal.ts';
import type { Findings } from './findings.ts';
import { sha256 } from './hashes.ts';
import { tupleOf } from './row-tuple.ts';
import type { Commit, ShardRow } from './shard.ts';

const quarterHourMs = 900_000;

interface Sum {
  readonly name: string;
  readonly quarter: number;
  units: bigint;
  count: number;
}

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

  addRow(row: ShardRow): void {
    const day = this.#days.get(row.day) ?? { count: 0, rows: createHash('sha256'), sums: new Map() };
    this.#days.set(row.day, day);
    day.count += 1;
    day.rows.update(tupleOf(row));
    const quarter = Math.floor(row.eventTimeMs / quarterHourMs);
    addTo(day.sums, {
      name: `${row.organization}\n${row.metric}`,
      quarter,
      units: toUnits(row.quantity),
      count: 1,
    });
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
    this.#compareDays(where, commit, findings);
  }

  #compareDays(where: string, commit: Commit, findings: Findings): void {
    const found = [...this.#days].map(([day, { count, rows, sums }]) => {
      return { day: dateOf(day), count, digest: rows.digest('hex'), sums: digestOfSums([...sums.values()]) };
    });
    // A row that closes a day has no digest of rows.
    const stored = commit.days.filter(({ digest }) => digest !== null);
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

function addTo(sums: Map<string, Sum>, added: Sum): void {
  const key = `${added.name}\n${added.quarter}`;
  const sum = sums.get(key);
  if (sum === undefined) {
    sums.set(key, added);
  } else {
    sum.units += added.units;
    sum.count += added.count;
  }
}

/** SHA-256 over organization, metric, quarter hour, total and count, a line each, in the order of the first three. */
function digestOfSums(sums: readonly Sum[]): string {
  const byName = (one: Sum, other: Sum) => Buffer.compare(Buffer.from(one.name), Buffer.from(other.name));
  const lines = sums
    .toSorted((one, other) => byName(one, other) || one.quarter - other.quarter)
    .map(({ name, quarter, units, count }) => `${name}\n${quarter}\n${fromUnits(units)}\n${count}\n`);
  return sha256(lines.join(''));
}

function dateOf(day: number): string {
  return new Date(day * 86_400_000).toISOString().slice(0, 10);
}
