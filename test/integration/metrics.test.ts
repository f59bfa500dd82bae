/** Each metric is moved by a known amount on real Kafka, Redis and Postgres, and read over HTTP by its name. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { build } from '../../functions/metrics/handler.ts';
import { freePort } from '../../localstack/servers/ports.ts';
import { oneStatement } from '../../localstack/servers/postgres-session.ts';
import { pipelineFigures } from '../../shared/contracts/metrics.ts';
import { createFiguresReader } from '../../shared/ledger/postgres/figures-reader.ts';
import { createShardLedger } from '../../shared/ledger/postgres/shard-ledger.ts';
import { createLogReader } from '../../shared/log/kafka/log-reader.ts';
import { partitionOf, routeMapVersion, shardOf } from '../../shared/log/routing.ts';
import { systemClock } from '../../shared/runtime/process/system-clock.ts';
import { createSegmentStore } from '../../shared/segments/redis/segment-store.ts';
import { httpEvent, lambdaContext } from '../harness/builders/handlers.ts';
import { haltNow } from '../harness/builders/ledger.ts';
import { envelope, sealedEvent } from '../harness/builders/records.ts';
import { FakeLogger } from '../harness/fakes/logger.ts';
import { rowsOf } from '../harness/pipeline/isolation.ts';
import { openPipeline, type Pipeline } from '../harness/pipeline/pipeline.ts';

interface Body {
  readonly [figure: string]: unknown;
  readonly unavailable: readonly string[];
  readonly shard_distribution: readonly { shard: number; events: number | null; share: number | null }[];
  readonly lag_records: readonly {
    partition: number;
    shard: number;
    records: number | null;
    halted: string | null;
  }[];
}

const partitions = 20;
let pipeline: Pipeline;
let handle: ReturnType<typeof build>;
let closeAll: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  pipeline = await openPipeline();
  handle = open();
});
afterAll(async () => {
  await Promise.all(closeAll.map((close) => close()));
  await pipeline.close();
});

/** The function over this pipeline, with readers of its own; `down` replaces addresses by closed ports. */
function open(down: { kafka?: string; redis?: string; shard1?: string } = {}): ReturnType<typeof build> {
  const { shards: databases, topic, environment } = pipeline;
  const urls = databases.readerUrls.map((url, shard) => (shard === 1 ? (down.shard1 ?? url) : url));
  const shards = createFiguresReader({ urls });
  const log = createLogReader({
    bootstrapServers: down.kafka ?? topic.bootstrapServers,
    topic: topic.topic,
  });
  const segments = createSegmentStore({ url: down.redis ?? environment.REDIS_URL, topic: topic.topic });
  closeAll = [...closeAll, shards.close, log.close, segments.close];
  return build({ shards, log, segments, clock: systemClock, logger: new FakeLogger(), partitions });
}

async function get(routeKey: string, by = handle): Promise<string> {
  const result = await by(httpEvent({ routeKey }), lambdaContext());
  expect(result.statusCode).toBe(200);
  return result.body ?? '';
}

const read = async (by = handle): Promise<Body> => JSON.parse(await get('GET /api/v1/metrics', by));

let names = 0;
/** An organization that no test used before. */
function freshOrganization() {
  const organization = `org_metrics_${names++}`;
  const partition = partitionOf(organization, partitions);
  return { organization, partition, shard: shardOf(partition) };
}

/** `count` events of one organization in one record. */
function eventsOf(organization: string, count: number, fields: { quantity?: string } = {}) {
  return Array.from({ length: count }, (_, i) =>
    sealedEvent({ organization, idempotencyKey: `key-${i}`, ...fields }),
  );
}

async function commit(partition: number, values: readonly Buffer[]): Promise<void> {
  await pipeline.deliver(partition, await pipeline.append(partition, values));
  await pipeline.flush();
}

/** How far the figures of these names move while `work` is done. */
async function moved(figures: readonly string[], work: () => Promise<void>): Promise<readonly number[]> {
  const before = await read();
  await work();
  const after = await read();
  return figures.map((figure) => Number(after[figure]) - Number(before[figure]));
}

it('nothing sent, nothing measured: no event, no lag, no share, and no figure without its source', async () => {
  const body = await read();
  expect(body).toMatchObject({
    window_seconds: 60,
    events_per_second: 0,
    events_per_minute: 0,
    write_reduction: null,
    cache_hit_rate: null,
    in_flight_records: 0,
    oldest_in_flight_seconds: 0,
    duplicates: 0,
    conflicts: 0,
    quarantined: 0,
    halted_partitions: 0,
    ledger_log_difference: 0,
    waiting_segments: 0,
    unavailable: [],
  });
  expect(body.shard_distribution).toEqual([0, 1, 2, 3].map((shard) => ({ shard, events: 0, share: null })));
});

it('events_per_minute and events_per_second move by the events counted', async () => {
  const { organization, partition } = freshOrganization();
  const change = await moved(['events_per_minute', 'events_per_second'], () =>
    commit(partition, [envelope(eventsOf(organization, 120), { partition })]),
  );
  expect(change[0]).toBe(120);
  expect(change[1]).toBeCloseTo(2, 9);
});

it('write_reduction is what the ledger says of the statements that were executed', async () => {
  const { organization, partition } = freshOrganization();
  await commit(partition, [envelope(eventsOf(organization, 500), { partition })]);
  const sql = `select coalesce(sum(inserted), 0)::int as inserted,
    coalesce(sum(write_statements), 0)::int as statements from commit_ledger`;
  const sums = (await Promise.all([0, 1, 2, 3].map((shard) => pipeline.shards.query(shard, sql)))).flat();
  const inserted = sums.reduce((sum, row) => sum + Number(row?.['inserted']), 0);
  const statements = sums.reduce((sum, row) => sum + Number(row?.['statements']), 0);
  expect(statements).toBeGreaterThan(0);
  expect((await read())['write_reduction']).toBeCloseTo(100 * (1 - statements / (2 * inserted)), 9);
});

it('shard_distribution moves on the shard of the organization alone, and the shares are one', async () => {
  const { organization, partition, shard } = freshOrganization();
  const before = (await read()).shard_distribution;
  await commit(partition, [envelope(eventsOf(organization, 30), { partition })]);
  const after = (await read()).shard_distribution;
  expect(after.map(({ events }, i) => Number(events) - Number(before[i]?.events))).toEqual(
    [0, 1, 2, 3].map((each) => (each === shard ? 30 : 0)),
  );
  const sum = after.reduce((before, { events }) => before + Number(events), 0);
  expect(after[shard]?.share).toBe(Number(after[shard]?.events) / sum);
  expect(after.reduce((sum, { share }) => sum + Number(share), 0)).toBeCloseTo(1, 9);
});

it('lag_records, in_flight_records and oldest_in_flight_seconds: three records, the oldest 90 s old', async () => {
  const { organization, partition } = freshOrganization();
  const createdAtMs = Date.now() - 90_000;
  const values = [90_000, 50_000, 10_000].map((ageMs, sequence) => {
    const event = sealedEvent({ organization, idempotencyKey: `aged-${sequence}` });
    return envelope([event], { partition, sequence, createdAtMs: createdAtMs + 90_000 - ageMs });
  });
  await pipeline.append(partition, values);
  const body = await read();
  const lagging = body.lag_records.filter(({ records }) => records !== 0);
  expect(lagging).toEqual([{ partition, shard: shardOf(partition), records: 3, halted: null }]);
  expect(body['in_flight_records']).toBe(3);
  const age = Number(body['oldest_in_flight_seconds']);
  expect(age).toBeGreaterThanOrEqual(90);
  expect(age).toBeLessThan(110);
  await pipeline.flush();
  expect(await read()).toMatchObject({ in_flight_records: 0, oldest_in_flight_seconds: 0 });
});

it('duplicates and conflicts: seven repeated, three of them with another quantity', async () => {
  const { organization, partition } = freshOrganization();
  await commit(partition, [envelope(eventsOf(organization, 10), { partition })]);
  const same = eventsOf(organization, 7).slice(3);
  const other = eventsOf(organization, 3, { quantity: '2' });
  const change = await moved(['duplicates', 'conflicts', 'events_per_minute'], () =>
    commit(partition, [envelope([...same, ...other], { partition })]),
  );
  expect(change).toEqual([7, 3, 0]);
});

it('quarantined: two foreign records and one refused event', async () => {
  const { organization, partition } = freshOrganization();
  const bad = sealedEvent({ organization: 'not a name', idempotencyKey: 'bad' });
  const good = sealedEvent({ organization, idempotencyKey: 'good' });
  const change = await moved(['quarantined', 'events_per_minute'], () =>
    commit(partition, [
      Buffer.from('not ours'),
      Buffer.from('not ours either'),
      envelope([bad, good], { partition }),
    ]),
  );
  expect(change).toEqual([3, 1]);
});

it('waiting_segments: a batch that was delivered and not committed', async () => {
  const { organization, partition } = freshOrganization();
  const change = await moved(['waiting_segments'], async () => {
    const value = envelope(eventsOf(organization, 5), { partition });
    await pipeline.deliver(partition, await pipeline.append(partition, [value]));
  });
  expect(change).toEqual([1]);
  await pipeline.flush();
  expect((await read())['waiting_segments']).toBe(0);
});

it('GET /metrics says the same in the format of Prometheus', async () => {
  const text = await get('GET /metrics');
  const body = await read();
  expect(text).toMatch(/^# HELP odometer_events_per_minute .+\n# TYPE odometer_events_per_minute gauge\n/m);
  const sampleOf = (series: string): number => {
    const line = text.split('\n').find((each) => each.startsWith(`${series} `));
    return Number(line?.slice(series.length + 1) ?? Number.NaN);
  };
  expect(sampleOf('odometer_events_per_minute')).toBe(body['events_per_minute']);
  expect(sampleOf('odometer_shard_distribution{shard="0"}')).toBe(body.shard_distribution[0]?.share);
  expect(sampleOf('odometer_lag_records{partition="7",shard="3"}')).toBe(0);
  expect(sampleOf('odometer_source_up{source="kafka"}')).toBe(1);
  expect(text).not.toContain('org_metrics');
  for (const name of Object.keys(pipelineFigures).filter((each) => each !== 'cache_hit_rate'))
    expect.soft(text).toContain(`# TYPE odometer_${name} gauge`);
});

it('a source that is down makes its figures null and is named, and the others go on', async () => {
  const port = await freePort();
  const closed = `127.0.0.1:${port}`;
  const shardUrl = new URL(pipeline.shards.readerUrls[1] ?? '');
  shardUrl.port = String(port);
  const noKafka = await read(open({ kafka: closed }));
  expect(noKafka).toMatchObject({
    unavailable: ['kafka'],
    in_flight_records: null,
    oldest_in_flight_seconds: null,
    ledger_log_difference: null,
    halted_partitions: 0,
    waiting_segments: 0,
  });
  expect(noKafka['events_per_minute']).toBeGreaterThan(0);
  const noRedis = await read(open({ redis: `redis://${closed}` }));
  expect(noRedis).toMatchObject({ unavailable: ['redis'], waiting_segments: null, in_flight_records: 0 });
  const withoutShard = open({ shard1: shardUrl.href });
  const noShard = await read(withoutShard);
  expect(noShard).toMatchObject({
    unavailable: ['shard1'],
    events_per_minute: null,
    duplicates: null,
    halted_partitions: null,
    in_flight_records: null,
  });
  expect(noShard.lag_records.map(({ records }) => records)).toEqual(
    Array.from({ length: partitions }, (_, partition) => (partition % 4 === 1 ? null : 0)),
  );
  const text = await get('GET /metrics', withoutShard);
  expect(text).toContain('odometer_source_up{source="shard1"} 0');
  expect(text).not.toContain('odometer_events_per_minute');
});

it('ledger_log_difference: offsets that progress counts and the ledger does not', async () => {
  const { partition, shard } = freshOrganization();
  const by = async (records: number): Promise<void> => {
    const url = pipeline.shards.superuserUrls[shard] ?? '';
    const move = `update partition_progress set next_offset = next_offset + ${records}, first_offset = 0`;
    await oneStatement(url, `${move} where partition = ${partition}`);
  };
  // The ledger ends 4 before, and the log as well.
  expect(await moved(['ledger_log_difference'], () => by(4))).toEqual([8]);
  await by(-4);
  expect((await read())['ledger_log_difference']).toBe(0);
});

it('halted_partitions and the halt of its partition', async () => {
  const { partition, shard } = freshOrganization();
  const url = pipeline.shards.writerUrls[shard] ?? '';
  const ledger = createShardLedger({ url, shard, mapVersion: routeMapVersion });
  const change = await moved(['halted_partitions'], () =>
    haltNow(ledger, partition, { code: 'log_rewritten', reason: 'a test says so' }),
  );
  await ledger.close();
  expect(change).toEqual([1]);
  const halted = (await read()).lag_records.filter((each) => each.halted !== null);
  expect(halted).toEqual([{ partition, shard, records: 0, halted: 'log_rewritten' }]);
});

it('U10: the figures need nobody else: the reader sees counts of the ledger and no tenant', async () => {
  const url = pipeline.shards.readerUrls[0] ?? '';
  await expect(rowsOf(url, 'select days from commit_ledger')).rejects.toThrow(/permission denied/);
  await expect(rowsOf(url, 'select * from quarantine')).rejects.toThrow(/permission denied/);
  expect(await rowsOf(url, 'select count(*)::int as n from usage_events')).toEqual([{ n: 0 }]);
  expect(await rowsOf(url, 'select count(*)::int as n from usage_conflicts')).toEqual([{ n: 0 }]);
});
