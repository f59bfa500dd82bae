import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { verifyShard } from '../../functions/operator/verify-shard.ts';
import { oneStatement } from '../../localstack/servers/postgres-session.ts';
import type { LoggedHead } from '../../shared/ledger/chain-check.ts';
import { commitHash, type StoredCommit } from '../../shared/ledger/commit-hash.ts';
import type { ShardControl } from '../../shared/ledger/shard-control.ts';
import type { ShardLedger } from '../../shared/ledger/shard-ledger.ts';
import { commitRows, homeOf, usageRow } from '../harness/builders/ledger.ts';
import { noonMs } from '../harness/builders/records.ts';
import { type FreshShards, rowsOf } from '../harness/pipeline/isolation.ts';
import { keepTables, oneShard } from '../harness/pipeline/one-shard.ts';

const { partition, shard } = homeOf('org_1');
const commits = 5;
/** Of the rows of each commit; the second row has properties. */
const quantities = ['0.1', '-12345678901234567890.123456789012345678', '100000'];
const noon = new Date(noonMs).toISOString();
const sum = '-61728394506172339450.11728394506172839';
let shards: FreshShards;
let ledger: ShardLedger;
let control: ShardControl;
let drop: () => Promise<void>;
let restore: () => Promise<void>;

const tamper = (sql: string) => oneStatement(shards.superuserUrls[shard] ?? '', sql);
const read = (sql: string) => rowsOf(shards.superuserUrls[shard] ?? '', sql);
const kept = ['commit_ledger', 'usage_events', 'usage_rollups', 'partition_progress'];

beforeAll(async () => {
  ({ shards, ledger, control, drop } = await oneShard('topic-verify', shard));
  for (let from = 0; from < commits; from++) {
    const rows = quantities.map((quantity, index) =>
      usageRow({
        ...{ offset: from, index, idempotencyKey: `"${from}" \\ ${index} ü\n`, quantity },
        properties: index === 1 ? Buffer.alloc(60, from) : null,
      }),
    );
    await commitRows(ledger, partition, { from, to: from + 1, rows });
  }
  await tamper(`select make_usage_day('2026-11-21')`);
  restore = await keepTables(shards.superuserUrls[shard], kept);
});

afterEach(() => restore());

afterAll(() => drop());

describe('verify', () => {
  it('U12: what was committed is found as it was, with the heads to compare with a log', async () => {
    const verdict = await verifyShard(control);
    expect(verdict).toMatchObject({ shard, commits, bad: [], totals: [] });
    const [head] = await read(
      `select encode(hash, 'hex') as hash from commit_ledger where sequence = ${commits}`,
    );
    const last = { partition, sequence: commits, hash: head?.['hash'], loggedTo: 0 };
    expect(verdict.heads).toContainEqual(last);
  });

  it.each([
    ['a changed count', 'update commit_ledger set seen = 4, inserted = 4 where sequence = 3', 3],
    ['a changed day digest', `update commit_ledger set days = '[]' where sequence = 2`, 2],
    [
      'a changed digest of sums',
      `update commit_ledger set days = jsonb_set(days, '{0,sums}', days #> '{0,digest}') where sequence = 2`,
      2,
    ],
    ['a deleted row', 'delete from commit_ledger where sequence = 2', 3],
    ['a cut end', 'delete from commit_ledger where sequence = 5', 4],
    ['a ledger that is gone', 'delete from commit_ledger', null],
    [
      'swapped contents',
      'update commit_ledger a set committed_at = b.committed_at, write_statements = 9 from commit_ledger b where a.sequence = 2 and b.sequence = 4',
      2,
    ],
  ])('U12: %s in the ledger is found, and the first bad commit is named', async (_what, sql, sequence) => {
    await tamper(sql);
    expect((await verifyShard(control)).bad).toMatchObject([{ shard, partition, sequence }]);
  });

  /** A row with properties; it was inserted by commit 3. */
  const row = `"offset" = 2 and index = 1`;

  it.each([
    ['organization_id', `'x'`],
    ['metric_name', `'other_metric'`],
    ['quantity', '99999'],
    ['quantity', 'quantity + 0.000000000000000001'],
    ['idempotency_key', `'other'`],
    ['key_hash', 'gen_random_uuid()'],
    ['event_time', `event_time - interval '1 second'`],
    ['event_day', `'2026-11-21'`],
    ['created_at', `created_at - interval '1 ms'`],
    ['undated', 'true'],
    ['fingerprint', 'gen_random_uuid()'],
    ['shard_id', '7'],
    ['properties', 'set_byte(properties, 50, 77)'],
    ['properties', 'null'],
    ['"offset"', '99'],
    ['"offset"', '3'],
    ['index', '9'],
    ['partition', `${partition + 4}`],
  ])('U12: another %s (%s) in a row is found, and its commit is named', async (column, value) => {
    await tamper(`update usage_events set ${column} = ${value} where ${row}`);
    expect((await verifyShard(control)).bad).toContainEqual(
      expect.objectContaining({ shard, partition, sequence: 3 }),
    );
  });

  /** Adds a copy of the row, changed. */
  const added = (change: string) =>
    `create temporary table one as select * from usage_events where ${row};
     update one set key_hash = gen_random_uuid(), index = 7, ${change}; insert into usage_events select * from one`;

  it.each([
    ['a deleted row', `delete from usage_events where ${row}`, 3],
    [
      'properties where there were none',
      `update usage_events set properties = decode(repeat('00', 60), 'hex') where "offset" = 2 and index = 0`,
      3,
    ],
    [
      'rows of one commit in each other’s place',
      'update usage_events set index = 3 - index where "offset" = 2',
      3,
    ],
    [
      'rows of two commits in each other’s place',
      'update usage_events set "offset" = 5 - "offset" where "offset" in (2, 3) and index = 1',
      3,
    ],
    ['an added row', added('undated = false'), 3],
    ['a row added to another day', added(`event_day = '2026-11-21'`), 3],
    ['a row above the last commit', added('"offset" = 99'), null],
    ['a row of a partition without commits', added(`partition = ${partition + 4}`), null],
  ])('U12: %s is found, and the first bad commit is named', async (_what, sql, sequence) => {
    await tamper(sql);
    const { bad } = await verifyShard(control);
    expect(bad).toMatchObject([{ shard, sequence }]);
  });

  it.each([
    [
      'another total',
      'update usage_rollups set total = total + 1000000',
      [{ rollup: { total: '-61728394506171339450.11728394506172839', count: 15 } }],
    ],
    [
      'another total by the smallest digit',
      'update usage_rollups set total = total + 0.000000000000000001',
      [{}],
    ],
    [
      'another count',
      'update usage_rollups set event_count = event_count + 1',
      [{ rollup: { total: sum, count: 16 } }],
    ],
    ['a total that is gone', 'delete from usage_rollups', [{ rollup: { total: '0', count: 0 } }]],
    [
      'a total moved to another organization',
      `update usage_rollups set organization_id = 'x'`,
      [
        { organization: 'org_1', rollup: { total: '0' } },
        { organization: 'x', rows: { total: '0', count: 0 } },
      ],
    ],
    [
      'a total moved to another quarter hour',
      `update usage_rollups set quarter = quarter + interval '15 minutes'`,
      [{ quarter: noon }, { quarter: new Date(noonMs + 900_000).toISOString() }],
    ],
    [
      'a total on a day without rows',
      `insert into usage_rollups values (${partition}, 'x', 'm', '2001-01-01', 7, 1)`,
      [
        {
          organization: 'x',
          metric: 'm',
          quarter: '2001-01-01T00:00:00.000Z',
          rollup: { total: '7', count: 1 },
        },
      ],
    ],
    [
      'a total of a partition without commits',
      `insert into usage_rollups values (${partition + 4}, 'x', 'm', '2026-11-20', 7, 1)`,
      [{ partition: partition + 4, rollup: { total: '7', count: 1 } }],
    ],
  ])(
    'U12: %s is found, named by partition, organization, metric and quarter hour with both sums',
    async (_what, sql, totals) => {
      await tamper(sql);
      const verdict = await verifyShard(control);
      expect(verdict.bad).toEqual([]);
      expect(verdict.totals).toMatchObject(totals);
    },
  );

  it('U12: a row and its total that were changed alike are still found', async () => {
    await tamper(`update usage_events set quantity = 7 where "offset" = 2 and index = 2;
      update usage_rollups set total = total - 99993`);
    const verdict = await verifyShard(control);
    expect(verdict.totals).toEqual([]);
    expect(verdict.bad).toMatchObject([{ partition, sequence: 3 }]);
  });
});

describe('verify with logged heads', () => {
  let heads: readonly LoggedHead[];

  beforeAll(async () => {
    heads = await ledger.heads();
    expect(heads).toEqual([{ partition, sequence: commits, hash: expect.stringMatching(/^[0-9a-f]{64}$/) }]);
  });

  /** The head that was logged when the chain ended at a commit. */
  async function headAt(sequence: number): Promise<LoggedHead> {
    const [row] = await control.commits({ partition, aboveSequence: sequence - 1, rowsMax: 1 });
    return { partition, sequence, hash: row?.hash.toString('hex') ?? '' };
  }

  /** What somebody with all rights would do: change a row, and every hash from there on. */
  async function recomputeFrom(
    sequence: number,
    change: (row: StoredCommit) => StoredCommit = (row) => ({
      ...row,
      committedAtMs: row.committedAtMs + 1000,
    }),
  ): Promise<void> {
    const rows = await control.commits({ partition, aboveSequence: sequence - 1, rowsMax: commits });
    let previous = rows[0]?.previousHash ?? Buffer.alloc(0);
    for (const row of rows) {
      const changed = row.sequence === sequence ? change(row) : row;
      const hash = commitHash(previous, changed);
      const bytes = (buffer: Buffer) => `'\\x${buffer.toString('hex')}'`;
      await tamper(`update commit_ledger set previous_hash = ${bytes(previous)}, hash = ${bytes(hash)},
        days = '${JSON.stringify(changed.days)}', committed_at = to_timestamp(${changed.committedAtMs} / 1000.0)
        where sequence = ${row.sequence}`);
      previous = hash;
    }
  }

  it('U12: a whole chain agrees with what was logged of it, up to the last logged head', async () => {
    const verdict = await verifyShard(control, heads);
    expect(verdict.bad).toEqual([]);
    expect(verdict.heads).toContainEqual(expect.objectContaining({ partition, loggedTo: commits }));
    const younger = await verifyShard(control, [await headAt(2)]);
    expect(younger.heads).toContainEqual(
      expect.objectContaining({ partition, sequence: commits, loggedTo: 2 }),
    );
  });

  it('U12: a chain that was computed anew after a change is whole, and differs from the log', async () => {
    await recomputeFrom(3);
    expect((await verifyShard(control)).bad).toEqual([]);
    const [bad] = (await verifyShard(control, heads)).bad;
    expect(bad).toMatchObject({ shard, partition, sequence: commits });
    expect(bad?.problem).toContain('one of the commits 1 to 5 is the first');
  });

  it('U12: logged heads around the change name it', async () => {
    const logged = [await headAt(2), await headAt(3), ...heads];
    await recomputeFrom(3);
    const verdict = await verifyShard(control, logged);
    expect(verdict.bad).toMatchObject([{ partition, sequence: 3 }]);
    expect(verdict.bad[0]?.problem).toContain('this commit is the first');
    expect(verdict.heads).toContainEqual(expect.objectContaining({ partition, loggedTo: 2 }));
  });

  it('U12: a head that was logged again after the chain was computed anew hides nothing', async () => {
    await recomputeFrom(3);
    const logged = [...heads, await headAt(commits)];
    for (const both of [logged, logged.toReversed()]) {
      expect((await verifyShard(control, both)).bad).toMatchObject([{ partition, sequence: commits }]);
    }
  });

  it('U12: rows and their digest that were changed alike differ from the sums that were added', async () => {
    const digest = `select encode(sha256('other'), 'hex') as digest`;
    const [other] = await read(digest);
    await recomputeFrom(4, (row) => ({
      ...row,
      days: row.days.map((day) => ({ ...day, sums: String(other?.['digest']) })),
    }));
    expect((await verifyShard(control)).bad).toMatchObject([{ partition, sequence: 4 }]);
  });

  it('U12: an end that was cut off together with progress is missed', async () => {
    await tamper(`delete from commit_ledger where sequence = ${commits}`);
    await tamper(`update partition_progress set next_offset = ${commits - 1} where partition = ${partition}`);
    expect((await verifyShard(control, heads)).bad).toMatchObject([
      { shard, partition, sequence: commits - 1 },
    ]);
  });
});
