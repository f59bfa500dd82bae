import { it } from 'vitest';
import { closeDay } from '../../../functions/operator/close-day.ts';
import { fromOperatorEvent } from '../../../functions/operator/from-operator-event.ts';
import { listConflicts } from '../../../functions/operator/list-conflicts.ts';
import { listHalts } from '../../../functions/operator/list-halts.ts';
import { listQuarantine } from '../../../functions/operator/list-quarantine.ts';
import { migrateShards } from '../../../functions/operator/migrate-shards.ts';
import { resumePartition } from '../../../functions/operator/resume-partition.ts';
import { verifyShard } from '../../../functions/operator/verify-shard.ts';
import { chainStart, commitHash, type StoredCommit } from '../../../shared/ledger/commit-hash.ts';
import { nothingKept } from '../../../shared/ledger/kept-digests.ts';
import type { ShardControl } from '../../../shared/ledger/shard-control.ts';
import { expectGolden, jsonText } from '../../harness/builders/golden-file.ts';
import { noonMs } from '../../harness/builders/records.ts';

const day = '2026-11-20';

/** Three commits of one record each. */
function chainOf(partition: number): readonly StoredCommit[] {
  const rows: StoredCommit[] = [];
  for (let sequence = 1; sequence <= 3; sequence++) {
    const row = {
      ...{ partition, sequence, generation: 1, from: sequence - 1, to: sequence, seen: 2, inserted: 2 },
      ...{
        conflicts: 0,
        ...nothingKept,
        duplicate: 0,
        quarantined: 0,
        foreign: 0,
        writeStatements: 4,
        segmentVersion: 1,
        mapVersion: 1,
      },
      source: 'segments',
      days: [{ day, count: 2, digest: 'ab'.repeat(32), sums: 'cd'.repeat(32) }],
      ...{ decidedBy: null, decidedWhy: null, committedAtMs: noonMs + sequence },
    };
    const previousHash = rows.at(-1)?.hash ?? chainStart;
    rows.push({ ...row, previousHash, hash: commitHash(previousHash, row) });
  }
  return rows;
}

/** A shard with the partitions `shard` and `shard + 4`; the second is halted. */
function controlOf(shard: number, changes: Partial<ShardControl> = {}): ShardControl {
  const state = (partition: number) => ({
    partition,
    generation: 1,
    firstOffset: 0,
    nextOffset: 3,
    closedBefore: null,
  });
  const halt = { code: 'log_rewritten', reason: 'the record at 2 is another', atMs: noonMs };
  const bytes = Buffer.from('not an envelope');
  return {
    shard,
    partitions: async () => [
      { ...state(shard), halt: null },
      { ...state(shard + 4), halt },
    ],
    decide: async () => 'resumed',
    closeDay: async () => ({ kind: 'closed', leavesDropped: 1, unfinished: null }),
    commits: async ({ partition, aboveSequence }) => chainOf(partition).slice(aboveSequence),
    days: async () => [day],
    rowMismatches: async () => [],
    sumMismatches: async () => [],
    totalMismatches: async () => [],
    keptMismatches: async () => [],
    closedMismatches: async () => [],
    quarantined: async () => ({
      cut: false,
      rows: [
        {
          cursor: `${noonMs}000.${shard}.1.7.-1`,
          partition: shard,
          offset: 7,
          index: -1,
          code: 'foreign_magic',
          quarantinedAtMs: noonMs,
          bytes,
          length: bytes.length,
        },
      ],
    }),
    conflicts: async () => ({
      cut: false,
      rows: [
        {
          cursor: `${noonMs}000.${shard}.1.8.1`,
          ...{ partition: shard, offset: 8, index: 1, organization: 'org_1', keyHash: '0a'.repeat(16) },
          ...{ day, fingerprint: '0b'.repeat(16), foundAtMs: noonMs },
          ...{ firstDay: day, firstOffset: 2, firstIndex: 0, firstFingerprint: '0c'.repeat(16) },
        },
      ],
    }),
    close: async () => {},
    ...changes,
  };
}

const events: readonly unknown[] = [
  { verb: 'migrate' },
  { verb: 'halts' },
  { verb: 'verify' },
  { verb: 'verify', heads: [{ partition: 1, sequence: 3, hash: 'ab'.repeat(32) }] },
  { verb: 'quarantine' },
  { verb: 'quarantine', rows: 1000 },
  { verb: 'conflicts' },
  { verb: 'conflicts', rows: 0 },
  { verb: 'conflicts', rows: 5, before: '1763640000000001.3.1.8.-1' },
  { verb: 'conflicts', rows: 5, before: '1.2.3' },
  { verb: 'close-day', day: '2026-10-01', by: 'ops', why: 'older than the law asks for' },
  { verb: 'close-day', day: '2026-02-30', by: 'ops', why: '' },
  { verb: 'resume', partition: 5, by: ' ops ', why: 'checked' },
  { verb: 'resume', partition: 5, by: 'ops', why: 'lost', action: { kind: 'skip', offset: 9 } },
  {
    verb: 'resume',
    partition: 5,
    by: 'ops',
    why: 'a new topic',
    action: { kind: 'restart', offset: 0, topicId: 't-2' },
  },
  null,
  {},
  { verb: 'drop' },
  { verb: 'halts', more: 1 },
  { verb: 'quarantine', rows: 1001 },
  { verb: 'verify', heads: [{ partition: -1, sequence: 0, hash: 'x' }] },
  { verb: 'resume', partition: 5, by: '', why: ' ' },
  { verb: 'resume', partition: 5, by: 'ops', why: 'lost', action: { kind: 'skip', offset: -1 } },
];

function readEvent(event: unknown): unknown {
  try {
    return { event, request: fromOperatorEvent(event) };
  } catch (error) {
    return { event, error: error instanceof Error ? { ...error, message: error.message } : error };
  }
}

it("an operator's events are read, or refused, as in the golden file", async () => {
  await expectGolden('answers/operator-events.json', jsonText(events.map(readEvent)));
});

it('the verbs are answered as in the golden file', async () => {
  const shards = [0, 1, 2, 3].map((shard) => controlOf(shard));
  const changed = chainOf(1).map((row) => (row.sequence === 2 ? { ...row, inserted: 1 } : row));
  const tampered = controlOf(1, {
    commits: async ({ partition, aboveSequence }) =>
      (partition === 1 ? changed : chainOf(partition)).slice(aboveSequence),
    rowMismatches: async () => [{ partition: 5, day, sequence: 2, from: 1 }],
    totalMismatches: async () => [
      {
        ...{ partition: 5, organization: 'acme', metric: 'api_calls', dimensions: '', quarterMs: noonMs },
        rows: { total: '1.5', count: 2, minimum: '0.5', maximum: '1', latest: '1' },
        rollup: { total: '1000001.5', count: 2, minimum: '0.5', maximum: '1', latest: null },
      },
    ],
  });
  const short = controlOf(2, {
    commits: async ({ partition, aboveSequence }) => chainOf(partition).slice(aboveSequence, 2),
  });
  const decision = { partition: 5, by: 'ops', why: 'checked', action: { kind: 'retry' } as const };
  const request = { ownerUrls: ['a', 'b', 'c', 'd'], topicId: 't-1', partitions: 8, generation: 2 };
  const migrations: unknown[] = [];
  const answers = {
    halts: await listHalts(shards),
    quarantine: await listQuarantine(shards, { rowsMax: 10, before: null }),
    conflicts: await listConflicts(shards, { rowsMax: 10, before: null }),
    'close-day': await closeDay({ day: 20_000, by: 'ops', why: 'old' }, shards),
    verify: await Promise.all(shards.map((control) => verifyShard(control))),
    'verify of a changed chain and day': await verifyShard(tampered),
    'verify of a short chain': await verifyShard(short),
    'verify of a chain that is not the logged one': await verifyShard(controlOf(3), [
      { partition: 3, sequence: 2, hash: '00'.repeat(32) },
      { partition: 7, sequence: 4, hash: '00'.repeat(32) },
    ]),
    'verify of sums and of a closed day': await verifyShard(
      controlOf(3, {
        sumMismatches: async () => [{ partition: 3, day, sequence: 1, from: 0 }],
        closedMismatches: async () => [{ partition: 7, day, sequence: 3, from: 2 }],
      }),
    ),
    'verify of what was kept aside': await verifyShard(
      controlOf(3, {
        keptMismatches: async () => [
          { kind: 'quarantine', partition: 3, sequence: 2, from: 1 },
          { kind: 'conflicts', partition: 7, sequence: null, from: null },
        ],
      }),
    ),
    resume: await resumePartition(decision, shards),
    'resume without shards': await resumePartition(decision, []),
    migrate: await migrateShards(request, async (migration) => {
      migrations.push(migration);
      return { applied: [`${migration.shard}.sql`] };
    }),
    migrations,
  };
  await expectGolden('answers/operator.json', jsonText(answers));
});
