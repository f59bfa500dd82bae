import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { oneStatement } from '../../localstack/servers/postgres-session.ts';
import {
  type FreshShards,
  type FreshTopic,
  freshShards,
  freshTopic,
  rowsOf,
} from '../harness/pipeline/isolation.ts';
import { type Fate, type HandRecord, writeByHand } from '../harness/pipeline/shard-by-hand.ts';
import { buildEvent, encodeRecord } from '../recount/encode.ts';
import type { LoggedEvent } from '../recount/envelope.ts';
import { type RecountReport, recount } from '../recount/recount.ts';

const noon = Date.UTC(2026, 10, 20, 12);
const hour = 3_600_000;
const createdAtMs = Date.UTC(2026, 10, 23);
const partitions = 4;

let topic: FreshTopic;
let shards: FreshShards;
let sequence = 0;

type Sent = readonly [LoggedEvent, Fate];

function record(partition: number, events: readonly Sent[]): HandRecord {
  const header = { partition, sequence: sequence++, createdAtMs };
  return {
    value: encodeRecord(
      header,
      events.map(([event]) => event),
    ),
    createdAtMs,
    events,
  };
}

/** The truth table: every pair under a key of its own. */
const dated = (key: string, hours: number, fields: Partial<LoggedEvent> = {}) =>
  buildEvent({ organization: 'truth', key, eventTimeMs: noon + hours * hour, ...fields });
const undated = (key: string, hours: number) => dated(key, hours, { undated: true });
const truthTable: readonly (readonly [Sent, Sent])[] = [
  [
    [dated('same', 0), 'counts'],
    [dated('same', 0), 'duplicate'],
  ],
  [
    [dated('hours', 0), 'counts'],
    [dated('hours', 6), 'conflict'],
  ],
  [
    [dated('midnight', 11), 'counts'],
    [dated('midnight', 13), 'counts'],
  ],
  [
    [undated('undated', 0), 'counts'],
    [undated('undated', 6), 'duplicate'],
  ],
  [
    [undated('next', 0), 'counts'],
    [undated('next', 24), 'duplicate'],
  ],
  [
    [undated('before', 24), 'counts'],
    [undated('before', 0), 'duplicate'],
  ],
  [
    [undated('far', 0), 'counts'],
    [undated('far', 72), 'counts'],
  ],
  [
    [undated('then dated', 0), 'counts'],
    [dated('then dated', 24), 'counts'],
  ],
  [
    [dated('then undated', 24), 'counts'],
    [undated('then undated', 0), 'conflict'],
  ],
  [
    [dated('payload', 0), 'counts'],
    [dated('payload', 0, { quantity: '2' }), 'conflict'],
  ],
  [
    [dated('other', 0), 'counts'],
    [dated('other', 0, { organization: 'truth-2' }), 'counts'],
  ],
];

/** Exact sums that a float would lose, over three ranges and two days. */
function decimals(): readonly (readonly HandRecord[])[] {
  const quantities = ['99999999999999999999.999999999999999999', '0.000000000000000001', '-0.1', '0.2'];
  return [0, 1, 2].map((range) =>
    quantities.map((quantity, i) => {
      const key = `${range}-${i}`;
      const event = buildEvent({
        organization: 'exact',
        quantity,
        key,
        eventTimeMs: noon + range * 9 * hour,
      });
      return record(1, [[event, 'counts']]);
    }),
  );
}

async function produce(partition: number, records: readonly HandRecord[]): Promise<void> {
  const brokers = topic.bootstrapServers.split(',');
  const producer = new Kafka({ brokers, logLevel: logLevel.NOTHING }).producer();
  await producer.connect();
  const messages = records.map((each) => ({
    partition,
    value: 'foreign' in each ? each.foreign : each.value,
  }));
  await producer.send({ topic: topic.topic, acks: -1, messages });
  await producer.disconnect();
}

beforeAll(async () => {
  topic = await freshTopic(partitions);
  shards = await freshShards(topic);
  const pairs = truthTable.map(([first, retry]) => [record(0, [first]), record(0, [retry])]);
  const foreign = [
    { foreign: Buffer.from('not ours') },
    record(2, [[buildEvent({ organization: 'late' }), 'counts']]),
  ];
  const ranges = [pairs.flat().slice(0, 7), pairs.flat().slice(7)];
  for (const [partition, written] of [ranges, decimals(), [foreign], []].entries()) {
    if (written.length === 0) continue;
    await produce(partition, written.flat());
    await writeByHand(shards.superuserUrls[partition] ?? '', partition, written);
  }
});

afterAll(async () => {
  await shards.drop();
});

function recountAll(complete = false): Promise<RecountReport> {
  const { bootstrapServers: kafka, topic: name } = topic;
  return recount({ kafka, topic: name, shards: shards.operatorUrls, complete });
}

const namesOf = (report: RecountReport) => report.differences.map(({ name }) => name).sort();

describe('the recount of rows written by hand', () => {
  it('U2: agrees with the truth table, and counts what it saw', async () => {
    const report = await recountAll(true);
    expect(report.differences).toEqual([]);
    expect(report.log).toMatchObject({ events: 35, counted: 28, duplicates: 7, conflicts: 3, foreign: 1 });
    expect(report).toMatchObject({
      rows: 28,
      partitions,
      organizations: 4,
      producers: { holes: 0, repeats: 0 },
    });
  });

  const rowOfExact = `partition = 1 and "offset" = 3 and index = 0`;
  const planted: readonly [
    name: string,
    shard: number,
    plant: string,
    undo: string,
    found: readonly string[],
  ][] = [
    [
      'one row missing',
      1,
      `create table kept as select * from usage_events where ${rowOfExact}; delete from usage_events where ${rowOfExact}`,
      'insert into usage_events select * from kept; drop table kept',
      ['hour_of_rows', 'row_missing'],
    ],
    [
      'one row too many',
      1,
      `insert into usage_events select gen_random_uuid(), fingerprint, "offset", event_time, created_at, processed_at, 7,
         event_day, shard_id, partition, undated, quantity, organization_id, metric_name, idempotency_key
       from usage_events where ${rowOfExact}`,
      'delete from usage_events where index = 7',
      ['hour_of_rows', 'row_extra'],
    ],
    [
      'a quantity off by 1e-18',
      1,
      `update usage_events set quantity = quantity + 0.000000000000000001 where ${rowOfExact}`,
      `update usage_events set quantity = trim_scale(quantity - 0.000000000000000001) where ${rowOfExact}`,
      ['hour_of_rows', 'row_differs'],
    ],
    [
      'a total off by 1e-18',
      1,
      'update usage_rollups set total = total + 0.000000000000000001',
      'update usage_rollups set total = total - 0.000000000000000001',
      ['hour_of_rollups'],
    ],
    [
      'a count of a total off by one',
      1,
      'update usage_rollups set event_count = event_count + 1',
      'update usage_rollups set event_count = event_count - 1',
      ['hour_of_rollups'],
    ],
    [
      'two fingerprints swapped',
      1,
      `update usage_events e set fingerprint = o.fingerprint from usage_events o
       where o."offset" = 3 - e."offset" and e."offset" in (0, 3)`,
      `update usage_events e set fingerprint = o.fingerprint from usage_events o
       where o."offset" = 3 - e."offset" and e."offset" in (0, 3)`,
      ['row_differs'],
    ],
    [
      'two hashes of the ledger swapped',
      1,
      `update commit_ledger l set hash = o.hash from commit_ledger o
       where o.sequence = 3 - l.sequence and l.sequence in (1, 2)`,
      `update commit_ledger l set hash = o.hash from commit_ledger o
       where o.sequence = 3 - l.sequence and l.sequence in (1, 2)`,
      ['hash_chain'],
    ],
    [
      'a hole between two ranges',
      1,
      'update commit_ledger set from_offset = from_offset + 1, records = records - 1 where sequence = 2',
      'update commit_ledger set from_offset = from_offset - 1, records = records + 1 where sequence = 2',
      ['commit_ranges', 'hash_chain'],
    ],
    [
      'a digest of another day',
      1,
      `update commit_ledger set days = jsonb_set(days, '{0,day}', '"2026-01-01"') where sequence = 3`,
      `update commit_ledger set days = jsonb_set(days, '{0,day}', '"2026-11-21"') where sequence = 3`,
      ['day_digest', 'hash_chain', 'sums_digest'],
    ],
    [
      'a duplicate that the ledger calls counted',
      0,
      'update commit_ledger set inserted = inserted + 1, duplicate = duplicate - 1 where sequence = 1',
      'update commit_ledger set inserted = inserted - 1, duplicate = duplicate + 1 where sequence = 1',
      ['commit_counts', 'hash_chain'],
    ],
    [
      'progress ahead of the log',
      1,
      'update partition_progress set next_offset = 13 where partition = 1',
      'update partition_progress set next_offset = 12 where partition = 1',
      ['commit_ranges', 'log_short'],
    ],
    [
      'another record below the next offset',
      1,
      `update partition_progress set record_hash = sha256(record_hash) where partition = 1`,
      `update partition_progress set record_hash = decode('HASH', 'hex') where partition = 1`,
      ['record_hash'],
    ],
    [
      'a conflict that is not recorded',
      0,
      `create table kept as select * from usage_conflicts; delete from usage_conflicts where "offset" = 3`,
      'delete from usage_conflicts; insert into usage_conflicts select * from kept; drop table kept',
      ['conflicts', 'kept_digest'],
    ],
    [
      'a foreign record whose kept bytes changed',
      2,
      `update quarantine set bytes = 'other'`,
      `update quarantine set bytes = 'not ours'`,
      ['kept_digest', 'quarantine'],
    ],
    [
      'a partition on the wrong shard',
      3,
      `insert into usage_rollups values (2, 'late', 'api_calls', now(), 1, 1)`,
      'delete from usage_rollups',
      ['wrong_shard'],
    ],
  ];

  it.each(planted)('finds %s', async (_, shard, plant, undo, found) => {
    const url = shards.superuserUrls[shard] ?? '';
    const hash = await recordHash(url);
    await oneStatement(url, plant);
    const names = namesOf(await recountAll());
    await oneStatement(url, undo.replace('HASH', hash));
    expect(names).toEqual(found);
    expect((await recountAll()).differences).toEqual([]);
  });

  it('reports what is in flight, and calls it a difference when all should be committed', async () => {
    await produce(3, [record(3, [[buildEvent({ organization: 'in-flight' }), 'counts']])]);
    const report = await recountAll();
    expect(report.equal).toBe(true);
    expect(report.log).toMatchObject({ recordsInFlight: 1, eventsInFlight: 1 });
    expect(namesOf(await recountAll(true))).toEqual(['in_flight']);
  });
});

async function recordHash(url: string): Promise<string> {
  const [row] = await rowsOf(url, `select encode(record_hash, 'hex') as hash from partition_progress`);
  return String(row?.['hash']);
}
