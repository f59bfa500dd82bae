/** What the log says that a commit must have found, against what its ledger row says. */
import { createHash, type Hash } from 'node:crypto';
import type { Findings } from './findings.ts';
import type { Commit } from './shard.ts';

export class CommitTally {
  seen = 0;
  duplicate = 0;
  quarantined = 0;
  foreign = 0;
  readonly #days = new Map<number, { count: number; fingerprints: Hash }>();

  addRow(day: number, fingerprint: string): void {
    const known = this.#days.get(day) ?? { count: 0, fingerprints: createHash('sha256') };
    this.#days.set(day, known);
    known.count += 1;
    known.fingerprints.update(Buffer.from(fingerprint, 'hex'));
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
    const digests = this.#digests();
    const stored = commit.days.map(({ day, count, digest }) => `${day} ${count} ${digest}`).sort();
    if (digests.join() !== stored.join()) {
      findings.add('day_digest', `${where}: log [${digests.join(', ')}], ledger [${stored.join(', ')}]`);
    }
  }

  #digests(): readonly string[] {
    const lines = [...this.#days].map(([day, { count, fingerprints }]) => {
      const date = new Date(day * 86_400_000).toISOString().slice(0, 10);
      return `${date} ${count} ${fingerprints.digest('hex')}`;
    });
    return lines.sort();
  }
}
