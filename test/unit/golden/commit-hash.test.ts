import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { chainStart, commitHash } from '../../../shared/ledger/commit-hash.ts';
import { expectGolden, jsonText } from '../../harness/builders/golden-file.ts';
import { noonMs } from '../../harness/builders/records.ts';

const first = {
  partition: 6,
  sequence: 1,
  generation: 3,
  from: 40,
  to: 45,
  seen: 12,
  inserted: 7,
  duplicate: 2,
  quarantined: 3,
  foreign: 3,
  writeStatements: 8,
  segmentVersion: 1,
  mapVersion: 1,
  source: 'segments',
  days: [
    { day: '2026-11-21', count: 1, digest: 'cd'.repeat(32), sums: 'ef'.repeat(32) },
    { day: '2026-11-20', count: 6, digest: 'ab'.repeat(32), sums: '01'.repeat(32) },
  ],
  decidedBy: null,
  decidedWhy: null,
  committedAtMs: noonMs + 1,
  conflicts: 1,
  quarantineDigest: '45'.repeat(32),
  conflictsDigest: '67'.repeat(32),
};
const decision = {
  ...first,
  sequence: 2,
  from: 45,
  to: 50,
  seen: 0,
  inserted: 0,
  duplicate: 0,
  quarantined: 0,
  foreign: 0,
  source: 'decision',
  // As in the row that closes a day.
  days: [{ day: '2026-11-20', count: 7, digest: null, sums: '23'.repeat(32) }],
  decidedBy: 'Müller "ops"',
  decidedWhy: 'records were lost: 日本 \\ <&>\u2028',
  committedAtMs: noonMs + 2,
  conflicts: 0,
  quarantineDigest: null,
  conflictsDigest: null,
};
/** The canonical rows, written down. */
const canonical = [
  '["odometer-commit-3",6,1,3,40,45,12,7,2,3,3,8,1,1,"segments",' +
    `[["2026-11-21",1,"${'cd'.repeat(32)}","${'ef'.repeat(32)}"],` +
    `["2026-11-20",6,"${'ab'.repeat(32)}","${'01'.repeat(32)}"]],null,null,${noonMs + 1},` +
    `1,"${'45'.repeat(32)}","${'67'.repeat(32)}"]`,
  '["odometer-commit-3",6,2,3,45,50,0,0,0,0,0,8,1,1,"decision",' +
    `[["2026-11-20",7,null,"${'23'.repeat(32)}"]],` +
    `"Müller \\"ops\\"","records were lost: 日本 \\\\ <&>\u2028",${noonMs + 2},0,null,null]`,
];

it('commits are hashed over their canonical rows, as in the golden file', async () => {
  const hashes = [commitHash(chainStart, first)];
  hashes.push(commitHash(hashes[0] ?? chainStart, decision));
  const [one = chainStart] = hashes;
  const recomputed = canonical.map((text, i) =>
    createHash('sha256')
      .update(i === 0 ? Buffer.alloc(32) : one)
      .update(text)
      .digest(),
  );
  expect(hashes).toEqual(recomputed);
  const chain = canonical.map((text, i) => ({ text, hash: hashes[i] }));
  await expectGolden('formats/commit-chain.json', jsonText({ chainStart, chain }));
});
