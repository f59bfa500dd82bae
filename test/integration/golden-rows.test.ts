/**
 * What a shard and Redis hold of fixed records, column by column and byte by byte. Only times, the topic, and
 * hashes over times are replaced by their names.
 */
import { createHash, createHmac } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { inSession, oneStatement } from '../../localstack/servers/postgres-session.ts';
import { createShardControl } from '../../shared/ledger/postgres/shard-control.ts';
import { createSummaryReader } from '../../shared/ledger/postgres/summary-reader.ts';
import { routeMapVersion } from '../../shared/log/routing.ts';
import { expectGolden, hexDump, jsonText } from '../harness/builders/golden-file.ts';
import { goldenPartition, goldenValues } from '../harness/builders/golden-records.ts';
import { envelope, noonMs, sealedEvent } from '../harness/builders/records.ts';
import { openPipeline, type Pipeline } from '../harness/pipeline/pipeline.ts';

/** `acme`: shard 2 too; its rows are loaded as they were folded, until a key comes again. */
const plainPartition = 2;
/** `org_1`, shard 1: halted, and left so. */
const haltedPartition = 5;
/** `a`, shard 3: halted, and skipped by an operator's decision. */
const skippedPartition = 15;
const macBytes = 32;

let pipeline: Pipeline;
let redis: Redis;
beforeAll(async () => {
  pipeline = await openPipeline();
  redis = new Redis(inject('servers').redis);
  await asSuperuser(goldenPartition, `update shard_identity set closed_before = '2026-11-01'`);
  await asSuperuser(goldenPartition, `update partition_progress set closed_before = '2026-11-01'`);
});
afterAll(async () => {
  redis.disconnect();
  await pipeline.close();
});

const urlOf = (urls: readonly string[], partition: number) => urls[partition % urls.length] ?? '';

function asSuperuser(partition: number, sql: string): Promise<void> {
  return oneStatement(urlOf(pipeline.shards.superuserUrls, partition), sql);
}

/** Appends and delivers until the segment is in Redis, which a busy machine may keep waiting too long. */
async function store(partition: number, values: readonly Buffer[]): Promise<void> {
  const from = await pipeline.append(partition, values);
  await expect
    .poll(async () => {
      expect(await pipeline.deliver(partition, from)).toEqual({ batchItemFailures: [] });
      return (await pipeline.segments.list([partition], 100)).get(partition)?.map((range) => range.from);
    })
    .toContain(from);
}

/** Members of all indexes of the topic in Redis. */
async function storedSegments(): Promise<readonly string[]> {
  const indexes = await redis.keys(`odometer:segments:{${pipeline.topic.topic}:*}:index`);
  return (await Promise.all(indexes.map((index) => redis.zrange(index, 0, '-1')))).flat();
}

/** One record of an organization with a quantity by key. */
function recordOf(organization: string, partition: number, quantities: Record<string, string>): Buffer {
  const events = Object.entries(quantities).map(([idempotencyKey, quantity]) =>
    sealedEvent({ organization, idempotencyKey, quantity }),
  );
  return envelope(events, { partition, sequence: 50, createdAtMs: noonMs + 7 });
}

async function halt(organization: string, partition: number): Promise<void> {
  await store(partition, [recordOf(organization, partition, { 'key-1': '1' })]);
  await pipeline.pass();
  await asSuperuser(
    partition,
    `update partition_progress set record_hash = sha256('other') where partition = ${partition}`,
  );
  await store(partition, [recordOf(organization, partition, { 'key-2': '2' })]);
  await pipeline.pass();
}

type Row = Readonly<Record<string, string | null>>;

/** Every column of a table as Postgres writes it. */
function dump(url: string, table: string, order: string): Promise<readonly Row[]> {
  return inSession(url, async (client) => {
    await client.query(`set TIME ZONE 'UTC'`);
    const { rows: columns } = await client.query<{ name: string }>(
      `select quote_ident(column_name) as name from information_schema.columns where table_name = '${table}'`,
    );
    const texts = columns.map(({ name }) => `${name}::text AS ${name}`).join(', ');
    return (await client.query<Row>(`select ${texts} from ${table} order by ${order}`)).rows;
  });
}

const times = new Set([
  ...['processed_at', 'committed_at', 'updated_at', 'observed_at', 'complete_through', 'halted_at'],
  ...['quarantined_at', 'found_at', 'hash'],
]);

function withoutTimes(row: Row): Row {
  const fields = Object.entries(row).map(([name, value]) => {
    return [name, value !== null && times.has(name) ? `<${name}>` : value];
  });
  return Object.fromEntries(fields);
}

/** Rows of all shards; those of one partition lie in one shard. */
async function dumpAll(table: string, order: string): Promise<readonly Row[]> {
  const urls = pipeline.shards.superuserUrls;
  return (await Promise.all(urls.map((url) => dump(url, table, order)))).flat();
}

/** The chain's links by name, after each hash was computed again from what its row holds. */
function withoutHashes(rows: readonly Row[]): readonly Row[] {
  return rows.map((row, i) => {
    const before = rows[i - 1];
    expect(row['hash']).toBe(`\\x${hashOfRow(row)}`);
    const follows = before?.['partition'] === row['partition'] && row['previous_hash'] === before?.['hash'];
    return withoutTimes(follows ? { ...row, previous_hash: '<hash of the row before>' } : row);
  });
}

function hashOfRow(row: Row): string {
  const numbers = ['partition', 'sequence', 'generation', 'from_offset', 'to_offset', 'seen', 'inserted'];
  const counts = ['duplicate', 'quarantined', 'foreign_records', 'write_statements', 'segment_version'];
  const days: unknown = JSON.parse(row['days'] ?? '');
  if (!Array.isArray(days)) throw new Error('a ledger row holds a list of days');
  const canonical = JSON.stringify([
    'odometer-commit-3',
    ...[...numbers, ...counts, 'map_version'].map((name) => Number(row[name])),
    row['source'],
    days.map(({ day, count, digest, sums }) => [day, count, digest, sums]),
    row['decided_by'],
    row['decided_why'],
    Date.parse(row['committed_at'] ?? ''),
    Number(row['conflicts']),
    row['quarantine_digest'],
    row['conflicts_digest'],
  ]);
  const previous = Buffer.from(row['previous_hash']?.slice(2) ?? '', 'hex');
  return createHash('sha256').update(previous).update(canonical).digest('hex');
}

it('Redis holds the keys and segments of the golden file until they are committed', async () => {
  await store(goldenPartition, goldenValues());
  const { topic, topicId } = pipeline.topic;
  const prefix = `odometer:segments:{${topic}:${goldenPartition}}`;
  const keys = (await redis.keys(`${prefix}*`)).sort();
  const content = await redis.hgetallBuffer(`${prefix}:content`);
  const segments = Object.entries(content).map(([from, bytes]) => {
    const body = bytes.subarray(0, -macBytes);
    const mac = createHmac('sha256', pipeline.segmentKey).update(`${topicId}/1\0`).update(body).digest();
    expect(bytes.subarray(-macBytes)).toEqual(mac);
    return `### content ${from}, without its HMAC of ${macBytes} bytes\n${hexDump(body)}\n`;
  });
  const index = await redis.zrange(`${prefix}:index`, 0, '-1', 'WITHSCORES');
  const types = keys.map(async (key) => `${key.replace(topic, '<topic>')} ${await redis.type(key)}`);
  const ttls = keys.map(async (key) => `ttl ${await redis.ttl(key)}`);
  const lines = [
    ...(await Promise.all(types)),
    ...(await Promise.all(ttls)),
    `index member and score: ${index.join(' ')}`,
    `bytes: ${await redis.get(`${prefix}:bytes`)}`,
    ...segments,
  ];
  await expectGolden('rows/redis.txt', lines.join('\n'));
});

it('commits leave the rows of the golden files in the shards, and no segment in Redis', async () => {
  await pipeline.flush();
  await store(plainPartition, [recordOf('acme', plainPartition, { 'key-1': '1.25', 'key-2': '-1' })]);
  await pipeline.flush();
  // Not delivered, so it is read from the log; its first key counts already.
  await pipeline.append(plainPartition, [
    recordOf('acme', plainPartition, { 'key-1': '9', 'key-3': '0.75' }),
  ]);
  await pipeline.flush();
  expect(await storedSegments()).toEqual([]);
  await halt('org_1', haltedPartition);
  await halt('a', skippedPartition);
  const control = createShardControl({
    ownerUrl: urlOf(pipeline.shards.ownerUrls, skippedPartition),
    operatorUrl: urlOf(pipeline.shards.operatorUrls, skippedPartition),
    shard: skippedPartition % 4,
    mapVersion: routeMapVersion,
  });
  const action = { kind: 'skip', offset: 2 } as const;
  const decision = { partition: skippedPartition, by: 'ops', why: 'a test "lost" it', action };
  expect(await control.decide(decision)).toBe('resumed');
  await control.close();
  await pipeline.pass();

  const events = await dumpAll('usage_events', 'partition, "offset", index');
  await expectGolden('rows/usage-events.json', jsonText(events.map(withoutTimes)));
  const rollups = await dumpAll('usage_rollups', 'partition, organization_id, metric_name, quarter');
  await expectGolden('rows/usage-rollups.json', jsonText(rollups));
  const ledger = await dumpAll('commit_ledger', 'partition, sequence');
  await expectGolden('rows/commit-ledger.json', jsonText(withoutHashes(ledger)));
  const quarantine = await dumpAll('quarantine', 'partition, "offset", index');
  await expectGolden('rows/quarantine.json', jsonText(quarantine.map(withoutTimes)));
  const conflicts = await dumpAll('usage_conflicts', 'partition, "offset", index');
  await expectGolden('rows/usage-conflicts.json', jsonText(conflicts.map(withoutTimes)));
  const progress = await dumpAll('partition_progress', 'partition');
  const touched = progress.filter((row) => row['next_offset'] !== '0');
  await expectGolden('rows/partition-progress.json', jsonText(touched.map(withoutTimes)));
});

it('the committed rows are summarized as in the golden file', async () => {
  const { readerUrls: urls } = pipeline.shards;
  const reader = createSummaryReader({ urls, partitions: pipeline.topic.partitions });
  const day = Math.floor(noonMs / 86_400_000);
  const organizations = ['umbrella', 'monsters', 'acme', 'org_1', 'a', 'nobody'];
  const summaries = organizations.map(async (organization) => {
    const { metrics, freshness } = await reader.summarize({ organization, startDay: day, endDay: day + 1 });
    return { organization, metrics, inFlight: freshness.inFlight, complete: freshness.complete };
  });
  await expectGolden('rows/summaries.json', jsonText(await Promise.all(summaries)));
  await reader.close();
});
