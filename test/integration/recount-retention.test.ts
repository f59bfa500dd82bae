import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { resumePartition } from '../../functions/operator/resume-partition.ts';
import { inSession, oneStatement } from '../../localstack/servers/postgres-session.ts';
import { CountedWrites, countedNothing } from '../../shared/ledger/postgres/counted-writes.ts';
import { createShardControl } from '../../shared/ledger/postgres/shard-control.ts';
import { createShardLedger } from '../../shared/ledger/postgres/shard-ledger.ts';
import { dayMs } from '../../shared/limits.ts';
import { routeMapVersion, shardOf } from '../../shared/log/routing.ts';
import { haltNow } from '../harness/builders/ledger.ts';
import { envelope, noonMs, sealedEvent } from '../harness/builders/records.ts';
import { openPipeline, type Pipeline } from '../harness/pipeline/pipeline.ts';

/** `umbrella` and `monsters`, shard 2. */
const partition = 6;
/** `acme`, shard 2 too: its log keeps everything. */
const whole = 2;
/** `a`, shard 3. */
const restarted = 15;

let pipeline: Pipeline;
let sequence = 0;
const properties = Buffer.alloc(40, 3).toString('base64');
const event = (idempotencyKey: string, fields: Parameters<typeof sealedEvent>[0] = {}) =>
  sealedEvent({ organization: 'umbrella', idempotencyKey, quantity: '0.1', ...fields });

/** One commit of these records. */
async function commit(of: number, records: readonly (readonly ReturnType<typeof event>[])[]): Promise<void> {
  const values = records.map((events) => envelope([...events], { partition: of, sequence: sequence++ }));
  await pipeline.append(of, values);
  await pipeline.flush();
}

/** What retention does: the broker drops whole records below an offset. */
async function dropBelow(of: number, offset: number): Promise<void> {
  const { bootstrapServers, topic } = pipeline.topic;
  const admin = new Kafka({ brokers: bootstrapServers.split(','), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    // Loads the topic's metadata, which the next call wants.
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: of, offset: String(offset) }] });
  } finally {
    await admin.disconnect();
  }
}

const asSuperuser = (sql: string, of = partition) =>
  oneStatement(pipeline.shards.superuserUrls[shardOf(of)] ?? '', sql);

async function differences(): Promise<readonly string[]> {
  return (await pipeline.recount()).differences.map(({ name }) => name).sort();
}

beforeAll(async () => {
  pipeline = await openPipeline();
  await commit(partition, [
    [event('a'), event('b', { undated: true, sealed: properties })],
    [event('c', { quantity: '-2' })],
    [event('d', { eventTimeMs: noonMs + dayMs })],
  ]);
  await commit(partition, [[event('e'), event('a')], [event('f', { organization: 'monsters' })]]);
  await commit(partition, [
    [event('a'), event('g')],
    [event('b', { undated: true, eventTimeMs: noonMs + dayMs, sealed: properties })],
    [event('c', { quantity: '3' })],
  ]);
  await commit(whole, [[event('a', { organization: 'acme' })]]);
  await commit(restarted, [[event('a', { organization: 'a' })], [event('b', { organization: 'a' })]]);
});

afterAll(() => pipeline.close());

it('U12: a log that holds everything is read from its start', async () => {
  const report = await pipeline.recount();
  expect(report).toMatchObject({ equal: true, rows: 10, older: { rows: 0, commits: 0, partitions: [] } });
});

it('U12: a log whose head was deleted is read from the first commit that it holds whole', async () => {
  // In the middle of the second commit, whose records are 3 and 4.
  await dropBelow(partition, 4);
  const report = await pipeline.recount();
  expect(report.differences).toEqual([]);
  // The keys of older rows make duplicates and conflicts of newer events.
  expect(report.log).toMatchObject({ events: 7, counted: 4, duplicates: 3, conflicts: 1 });
  const partitions = [{ partition, logStart: 4, readFrom: 5 }];
  expect(report).toMatchObject({ equal: true, rows: 10, older: { rows: 6, commits: 2, partitions } });
});

const older = `partition = ${partition} and "offset" = 0 and index = 0`;
const newer = `partition = ${partition} and "offset" = 5 and index = 1`;

it.each([
  [
    'an older quantity',
    `set quantity = 7 where ${older}`,
    ['day_digest', 'hour_of_rollups', 'set_total', 'sums_digest'],
  ],
  [
    'an older metric',
    `set metric_name = 'other' where ${older}`,
    ['day_digest', 'hour_of_rollups', 'set_total', 'sums_digest'],
  ],
  [
    'older properties',
    `set properties = set_byte(properties, 50, 9) where "offset" = 0 and index = 1`,
    ['day_digest'],
  ],
  [
    'an older time',
    `set event_time = event_time + interval '1 ms' where ${older}`,
    ['day_digest', 'set_total', 'sums_digest'],
  ],
  ['an older place', `set index = 9 where ${older}`, ['day_digest']],
  ['a newer quantity', `set quantity = 7 where ${newer}`, ['hour_of_rows', 'row_differs']],
])('U12: %s that was changed is found where the log is gone', async (_what, change, found) => {
  await asSuperuser(`create table kept as select * from usage_events`);
  await asSuperuser(`update usage_events ${change}`);
  const names = await differences();
  await asSuperuser('truncate usage_events; insert into usage_events select * from kept; drop table kept');
  expect(names).toEqual(found);
});

it.each([
  [
    'an older row',
    'usage_events',
    `partition = ${partition} and "offset" = 2`,
    ['commit_counts', 'day_digest', 'hour_of_rollups', 'set_total', 'sums_digest'],
  ],
  [
    'an older commit',
    'commit_ledger',
    `partition = ${partition} and sequence = 1`,
    ['commit_ranges', 'hash_chain', 'row_extra'],
  ],
])('U12: %s that was deleted is found where the log is gone', async (_what, table, where, found) => {
  await asSuperuser(`create table kept as select * from ${table}`);
  await asSuperuser(`delete from ${table} where ${where}`);
  const names = await differences();
  await asSuperuser(`truncate ${table}; insert into ${table} select * from kept; drop table kept`);
  expect(names).toEqual(found);
});

it('U12: a total that was changed is found where the log is gone', async () => {
  const change = (by: number) =>
    `update usage_rollups set total = trim_scale(total + ${by}) where organization_id = 'umbrella'`;
  await asSuperuser(change(1));
  const names = await differences();
  await asSuperuser(change(-1));
  expect(names).toEqual(['hour_of_rollups', 'set_total']);
});

it('U5: records that retention removed before they were counted are a difference', async () => {
  const values = ['y', 'z'].map((key) => envelope([event(key)], { partition, sequence: sequence++ }));
  await pipeline.append(partition, values);
  await dropBelow(partition, 9);
  expect(await differences()).toEqual(['in_flight', 'log_start']);
  await asSuperuser(`update partition_progress set halted = true, halt_code = 'test', halted_at = now()
    where partition = ${partition}`);
  await decide(partition, { kind: 'skip', offset: 9 });
  await pipeline.flush();
  expect(await differences()).toEqual([]);
});

/** What closing 2026-11-20 does: a ledger row with the digest of the totals, the bound moves, and then the rows are gone. */
async function closeDay(of: number): Promise<void> {
  await inSession(pipeline.shards.superuserUrls[shardOf(of)] ?? '', async (client) => {
    const head = `select sequence::int as sequence, hash, to_offset::int as end, generation from commit_ledger
      where partition = ${of} order by commit_ledger.sequence desc limit 1`;
    const [last] = (
      await client.query<{ sequence: number; hash: Buffer; end: number; generation: number }>(head)
    ).rows;
    const digest = `select count::int as count, sums from digest_of_sums(${of}, '2026-11-20')`;
    const [day] = (await client.query<{ count: number; sums: string }>(digest)).rows;
    if (last === undefined || day === undefined) throw new Error('there is a commit and a digest');
    await new CountedWrites(client).addCommit(last, {
      ...{ partition: of, generation: last.generation, from: last.end, to: last.end, mapVersion: 1 },
      ...countedNothing,
      ...{ source: 'decision', decidedBy: 'ops', decidedWhy: 'it is old', committedAtMs: noonMs },
      days: [{ day: '2026-11-20', count: day.count, digest: null, sums: day.sums }],
    });
    await client.query(
      `update partition_progress set closed_before = '2026-11-21' where partition = ${of} and closed_before is null`,
    );
    await client.query(`delete from usage_events where partition = ${of} and event_day = '2026-11-20'`);
  });
}

it.each([
  ['retention has begun', partition],
  ['the log holds everything', whole],
])('U12: a closed day is compared with the row that closed it, where %s', async (_where, of) => {
  await closeDay(of);
  expect(await differences()).toEqual([]);
  const change = (by: number) =>
    `update usage_rollups set total = trim_scale(total + ${by}) where partition = ${of} and quarter < '2026-11-21'`;
  await asSuperuser(change(1), of);
  const names = await differences();
  await asSuperuser(change(-1), of);
  expect(names).toEqual(['closed_day']);
});

it('U12: a partition whose offsets started again is proved, its earlier generation by the ledger', async () => {
  const ledger = createShardLedger({
    url: pipeline.shards.writerUrls[shardOf(restarted)] ?? '',
    shard: shardOf(restarted),
    mapVersion: routeMapVersion,
  });
  await haltNow(ledger, restarted, { code: 'other_topic', reason: 'a test' });
  await ledger.close();
  await decide(restarted, { kind: 'restart', offset: 1, topicId: pipeline.topic.topicId });
  await pipeline.restart();
  // The record at 1 is counted again as a duplicate; the one at 2 is new.
  await commit(restarted, [[event('c', { organization: 'a' })]]);
  const report = await pipeline.recount();
  expect(report.differences).toEqual([]);
  expect(report.older.partitions).toContainEqual({ partition: restarted, logStart: 0, readFrom: 1 });
  await asSuperuser(`update usage_events set quantity = 7 where "offset" = 0`, restarted);
  expect(await differences()).toEqual(['day_digest', 'hour_of_rollups', 'set_total', 'sums_digest']);
});

async function decide(of: number, action: Parameters<typeof resumePartition>[0]['action']): Promise<void> {
  const controls = pipeline.shards.ownerUrls.map((ownerUrl, shard) => {
    const operatorUrl = pipeline.shards.operatorUrls[shard] ?? '';
    return createShardControl({ ownerUrl, operatorUrl, shard, mapVersion: routeMapVersion });
  });
  const decision = { partition: of, by: 'ops', why: 'a test', action };
  expect(await resumePartition(decision, controls)).toBe('resumed');
  await Promise.all(controls.map((control) => control.close()));
}
