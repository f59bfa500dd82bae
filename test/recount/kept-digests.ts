/** What a commit kept aside, compared with the two digests in its ledger row. */
import { createHash } from 'node:crypto';
import type { Findings } from './findings.ts';
import type { Commit, KeptRow, Shard } from './shard.ts';

export async function compareKept(
  shard: Shard,
  partition: number,
  ledger: readonly Commit[],
  findings: Findings,
): Promise<void> {
  const quarantine = digestsOf(await shard.quarantineRows(partition), ledger);
  const conflicts = digestsOf(await shard.conflictRows(partition), ledger);
  for (const { sequence, quarantineDigest, conflictsDigest } of [...ledger, nobody]) {
    const where = `partition ${partition} commit ${sequence || 'none'}`;
    if ((quarantine.get(sequence) ?? null) !== quarantineDigest)
      findings.add('kept_digest', `${where}: its quarantined records are not what it kept aside`);
    if ((conflicts.get(sequence) ?? null) !== conflictsDigest)
      findings.add('kept_digest', `${where}: its conflicts are not what it recorded`);
  }
}

/** Of rows that no commit wrote; sequences begin at 1. */
const nobody = { sequence: 0, quarantineDigest: null, conflictsDigest: null };

/** By sequence. Rows come in order of generation, offset and index, as commits do in the ledger. */
function digestsOf(rows: readonly KeptRow[], ledger: readonly Commit[]): ReadonlyMap<number, string> {
  const counting = ledger.filter(({ from, to, source }) => to > from && source !== 'decision');
  const lines = new Map<number, string[]>();
  let at = 0;
  for (const row of rows) {
    for (let commit = counting[at]; commit !== undefined && isBehind(commit, row); commit = counting[at])
      at += 1;
    const commit = counting[at];
    const own = commit !== undefined && commit.generation === row.generation && commit.from <= row.offset;
    const sequence = own ? commit.sequence : nobody.sequence;
    lines.set(sequence, [...(lines.get(sequence) ?? []), ...row.fields.map((field) => `${field}\n`)]);
  }
  return new Map(
    [...lines].map(([sequence, all]) => [sequence, createHash('sha256').update(all.join('')).digest('hex')]),
  );
}

function isBehind(commit: Commit, row: KeptRow): boolean {
  return commit.generation === row.generation ? commit.to <= row.offset : commit.generation < row.generation;
}
