/** What is quarantined, and what is in conflict, is proved like what is counted. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { verifyShard } from '../../functions/operator/verify-shard.ts';
import { oneStatement } from '../../localstack/servers/postgres-session.ts';
import type { ShardControl } from '../../shared/ledger/shard-control.ts';
import { commitRecord, homeOf } from '../harness/builders/ledger.ts';
import type { FreshShards } from '../harness/pipeline/isolation.ts';
import { keepTables, oneShard } from '../harness/pipeline/one-shard.ts';

const { partition, shard } = homeOf('org_1');
const kept = ['commit_ledger', 'quarantine', 'usage_conflicts'];
let shards: FreshShards;
let control: ShardControl;
let drop: () => Promise<void>;
let restore: () => Promise<void>;

const tamper = (sql: string) => oneStatement(shards.superuserUrls[shard] ?? '', sql);

beforeAll(async () => {
  const one = await oneShard('topic-kept', shard);
  ({ shards, control, drop } = one);
  const { kind } = await one.ledger.transaction(partition, async (transaction) => {
    const plan = { generation: 1, recordHash: Buffer.alloc(32), checkedRanges: 0, closedBefore: null };
    const moved = await transaction.moveProgress({ ...plan, from: 0, to: 4 });
    // Not in the order of offsets: the digest is.
    await moved?.addQuarantine([
      { offset: 3, index: 1, code: 'day_closed', bytes: 'AAEC' },
      { offset: 0, index: -1, code: 'foreign_magic', bytes: 'AwQF' },
    ]);
    const first = { firstDay: 20_000, firstOffset: 0, firstIndex: 2, firstFingerprint: 'cd'.repeat(16) };
    const conflict = { organization: 'org_1', keyHash: 'ab'.repeat(16), day: 20_001, ...first };
    await moved?.addConflicts(
      [2, 1].map((offset) => ({ ...conflict, offset, index: 0, fingerprint: 'ef'.repeat(16) })),
    );
    const counts = { seen: 3, duplicate: 2, conflicts: 2, quarantined: 1, foreign: 1 };
    await moved?.addCommit(commitRecord(counts));
    return { commit: moved !== null, value: null };
  });
  expect(kind).toBe('committed');
  restore = await keepTables(shards.superuserUrls[shard], kept);
});

afterEach(() => restore());

afterAll(() => drop());

it('U12: what was kept aside is found as it was', async () => {
  expect((await verifyShard(control)).bad).toEqual([]);
});

it.each([
  ['a quarantined record with other bytes', `update quarantine set bytes = 'x' where index = 1`],
  ['a quarantined record with another code', `update quarantine set code = 'x' where index = 1`],
  ['a quarantined record at another index', 'update quarantine set index = 2 where index = 1'],
  ['a quarantined record that is gone', 'delete from quarantine where index = 1'],
  ['all quarantined records gone', 'delete from quarantine'],
  [
    'a quarantined record more',
    `insert into quarantine (partition, generation, "offset", index, code, bytes)
     select partition, generation, 2, 0, code, bytes from quarantine where index = 1`,
  ],
  ['a conflict of another organization', `update usage_conflicts set organization_id = 'x'`],
  ['a conflict with another fingerprint', 'update usage_conflicts set fingerprint = key_hash'],
  ['a conflict with another first event', 'update usage_conflicts set first_offset = 1 where "offset" = 1'],
  ['a conflict that is gone', 'delete from usage_conflicts where "offset" = 2'],
  [
    'a conflict more',
    `insert into usage_conflicts select partition, generation, 3, 0, organization_id, key_hash, event_day,
     fingerprint, first_day, first_offset, first_index, first_fingerprint from usage_conflicts where "offset" = 1`,
  ],
  ['another number of conflicts', 'update commit_ledger set conflicts = 1 where conflicts = 2'],
])('U12: %s is found, and the first bad commit is named', async (_what, sql) => {
  await tamper(sql);
  expect((await verifyShard(control)).bad).toMatchObject([{ shard, partition, sequence: 1 }]);
});

it.each([
  ['above the last commit', '"offset" = 9, index = 0', partition],
  ['of a partition without commits', `partition = ${partition + 400}, index = 0`, partition + 400],
])('U12: a record %s was quarantined by nobody', async (_where, change, of) => {
  await tamper(`create temporary table one as select * from quarantine where index = 1; update one set ${change};
    insert into quarantine select * from one`);
  expect((await verifyShard(control)).bad).toMatchObject([{ shard, partition: of, sequence: null }]);
});
