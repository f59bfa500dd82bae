/** What `verify` says of closed days, whose rows are gone, of rows that only look so, and of offsets that started again. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { verifyShard } from '../../functions/operator/verify-shard.ts';
import { inSession, oneStatement } from '../../localstack/servers/postgres-session.ts';
import type { StoredCommit } from '../../shared/ledger/commit-hash.ts';
import { CountedWrites, countedNothing } from '../../shared/ledger/postgres/counted-writes.ts';
import type { ShardControl } from '../../shared/ledger/shard-control.ts';
import type { ShardLedger } from '../../shared/ledger/shard-ledger.ts';
import { routeMapVersion } from '../../shared/log/routing.ts';
import { commitRows, homeOf, usageRow } from '../harness/builders/ledger.ts';
import { noonMs } from '../harness/builders/records.ts';
import { type FreshShards, rowsOf } from '../harness/pipeline/isolation.ts';
import { keepTables, oneShard } from '../harness/pipeline/one-shard.ts';

const { partition, shard } = homeOf('org_1');
const commits = 5;
const quantities = ['0.1', '-12345678901234567890.123456789012345678', '100000'];
let shards: FreshShards;
let ledger: ShardLedger;
let control: ShardControl;
let drop: () => Promise<void>;
let restore: () => Promise<void>;

const tamper = (sql: string) => oneStatement(shards.superuserUrls[shard] ?? '', sql);
const read = (sql: string) => rowsOf(shards.superuserUrls[shard] ?? '', sql);
const kept = ['commit_ledger', 'usage_events', 'usage_rollups', 'partition_progress'];

beforeAll(async () => {
  ({ shards, ledger, control, drop } = await oneShard('topic-verify-closed', shard));
  for (let from = 0; from < commits; from++) {
    const rows = quantities.map((quantity, index) =>
      usageRow({ offset: from, index, idempotencyKey: `${from}-${index}`, quantity }),
    );
    await commitRows(ledger, partition, { from, to: from + 1, rows });
  }
  restore = await keepTables(shards.superuserUrls[shard], kept);
});

afterEach(() => restore());

afterAll(() => drop());

describe('verify of offsets that started again', () => {
  it('U12: rows of both generations belong to their commits, and totals are the sums of both', async () => {
    await tamper(
      `update partition_progress set generation = 2, next_offset = 0 where partition = ${partition}`,
    );
    const rows = [usageRow({ idempotencyKey: 'again', dimensions: '{"region":"eu"}' })];
    await commitRows(ledger, partition, { generation: 2, from: 0, to: 1, rows });
    const { bad, totals } = await verifyShard(control);
    expect(totals).toEqual([]);
    // The chain has no decision between the two; rows of both are right.
    expect(bad).toMatchObject([{ sequence: 6, problem: 'a generation starts without a decision' }]);
  });
});

describe('verify of a closed day', () => {
  const leaf = `select inhrelid::regclass::text as leaf, pg_get_expr(relpartbound, oid) as bound
    from pg_inherits join pg_class on oid = inhrelid
    where inhparent = 'usage_events'::regclass and pg_get_expr(relpartbound, oid) like '%2026-11-20%'`;
  let detached: string | null = null;
  afterEach(async () => {
    if (detached !== null) await tamper(detached);
    detached = null;
  });

  /** What closing a day writes: its ledger row with the digest of the totals, and then the rows are gone. */
  async function close(): Promise<void> {
    await plant();
    await tamper(`update partition_progress set closed_before = '2026-11-21'`);
    const [of] = await read(leaf);
    await tamper(`delete from usage_events; alter table usage_events detach partition ${of?.['leaf']}`);
    detached = `alter table usage_events attach partition ${of?.['leaf']} ${of?.['bound']}`;
  }

  /** A ledger row that closes the day with the digest of the totals, and nothing else; a good next row of the chain. */
  async function plant(
    fields: Partial<StoredCommit> = {},
    url = shards.superuserUrls[shard] ?? '',
  ): Promise<void> {
    await inSession(shards.superuserUrls[shard] ?? '', async (client) => {
      const head = `select sequence::int as sequence, hash from commit_ledger where partition = ${partition} order by 1 desc limit 1`;
      const [end] = (await client.query<{ sequence: number; hash: Buffer }>(head)).rows;
      const digest = `select count::int as count, sums from digest_of_sums(${partition}, '2026-11-20')`;
      const [day] = (await client.query<{ count: number; sums: string }>(digest)).rows;
      if (end === undefined || day === undefined) throw new Error('there is a commit and a digest');
      const row = {
        ...{ partition, generation: 1, from: commits, to: commits, mapVersion: routeMapVersion },
        ...countedNothing,
        ...{ source: 'decision', decidedBy: 'an operator', decidedWhy: 'it is old', committedAtMs: noonMs },
        days: [{ day: '2026-11-20', count: day.count, digest: null, sums: day.sums }],
        ...fields,
      };
      await inSession(url, (login) => new CountedWrites(login).addCommit(end, row));
    });
  }

  it.each([
    ['that nobody decided', {}],
    [
      'of other events than were counted',
      { days: [{ day: '2026-11-20', count: 14, digest: null, sums: 'x' }] },
    ],
    ['under another name', { days: [{ day: '20261120', count: 15, digest: null, sums: 'x' }] }],
  ])('U12: a closing row %s is found, whoever wrote it, and hides nothing', async (_what, fields) => {
    const heads = await ledger.heads();
    await tamper(`update usage_events set quantity = 7 where "offset" = 2 and index = 2;
      update usage_rollups set total = total - 99993`);
    expect((await verifyShard(control, heads)).bad).toMatchObject([{ partition, sequence: 3 }]);
    await plant(fields);
    expect((await verifyShard(control, heads)).bad).toMatchObject([{ partition, sequence: 3 }]);
    await tamper(`truncate usage_events; insert into usage_events select * from kept_usage_events;
      update usage_rollups set total = total + 99993`);
    expect((await verifyShard(control, heads)).bad).toMatchObject([{ partition, sequence: commits + 1 }]);
  });

  it('U12: of a day that was closed with other events than its commits counted, the closing row is found', async () => {
    await tamper('update usage_rollups set event_count = event_count + 1');
    await close();
    expect((await verifyShard(control)).bad).toMatchObject([{ partition, sequence: commits + 1 }]);
  });

  it.each([
    ['a decision', { days: [] }],
    ['a closed day', {}],
    [
      'a closed day as a commit',
      { source: 'log', decidedBy: null, decidedWhy: null, from: commits, to: commits + 1 },
    ],
    [
      'a closed day as a commit without a digest',
      {
        ...{ source: 'log', decidedBy: null, decidedWhy: null },
        // because the type knows no such row: what a stolen login may try
        days: [{ day: '2026-11-20', count: 15, sums: 'x' }] as unknown as StoredCommit['days'],
      },
    ],
  ])('U12: the writer cannot write %s into the ledger', async (_what, fields) => {
    await expect(plant(fields, shards.writerUrls[shard] ?? '')).rejects.toThrow(/decision|commit_ledger/);
  });

  it('U12: a day whose rows are gone agrees with the digest of its totals', async () => {
    await close();
    expect(await verifyShard(control)).toMatchObject({ commits: commits + 1, bad: [], totals: [] });
  });

  it.each([
    ['a total', 'update usage_rollups set total = total + 1'],
    ['a count', 'update usage_rollups set event_count = event_count - 1'],
    ['a total that is gone', 'delete from usage_rollups'],
    ['a total more', `insert into usage_rollups values (${partition}, 'x', 'm', '2026-11-20', 7, 1)`],
  ])(
    'U12: %s that was changed after its day was closed is found by the commit that closed it',
    async (_what, sql) => {
      await close();
      await tamper(sql);
      expect((await verifyShard(control)).bad).toMatchObject([{ shard, partition, sequence: commits + 1 }]);
    },
  );
});
