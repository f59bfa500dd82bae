/**
 * The pipeline behind ingest on real Kafka, Redis and Postgres, moved by hand: a test appends envelopes,
 * delivers them to the consumer in whatever way it wants, and runs passes of the flusher.
 */
import { randomBytes } from 'node:crypto';
import type { MSKEvent } from 'aws-lambda';
import { inject } from 'vitest';
import { build as buildConsumer } from '../../../functions/consumer/handler.ts';
import { ShardPass } from '../../../functions/flusher/flush-shard.ts';
import { LogHistory } from '../../../functions/flusher/log-history.ts';
import {
  ENV_KAFKA_BOOTSTRAP_SERVERS,
  ENV_KAFKA_TOPIC,
  ENV_REDIS_URL,
  ENV_SEGMENT_KEY,
  ENV_SHARD_WRITER_URLS,
} from '../../../shared/contracts/env.ts';
import { isTransient } from '../../../shared/errors.ts';
import { type Checkpoint, noCheckpoint } from '../../../shared/ledger/checkpoint.ts';
import { createShardLedger } from '../../../shared/ledger/postgres/shard-ledger.ts';
import type { ShardLedger } from '../../../shared/ledger/shard-ledger.ts';
import { tailGapAgeMs } from '../../../shared/limits.ts';
import type { LogRecord } from '../../../shared/log/event-log.ts';
import { createLogReader } from '../../../shared/log/kafka/log-reader.ts';
import { createLogWriter } from '../../../shared/log/kafka/log-writer.ts';
import { routeMapVersion } from '../../../shared/log/routing.ts';
import { noMetrics } from '../../../shared/runtime/metrics.ts';
import { systemClock } from '../../../shared/runtime/process/system-clock.ts';
import { Stopwatch } from '../../../shared/runtime/stopwatch.ts';
import { createSegmentStore } from '../../../shared/segments/redis/segment-store.ts';
import { sealScope } from '../../../shared/segments/segment.ts';
import { recount } from '../../recount/recount.ts';
import { fakeLogger } from '../fakes/logger.ts';
import { freshShards, freshTopic } from './isolation.ts';

const passesMax = 60;

/** Opens a pipeline of its own topic and databases; close it after the tests. */
export async function openPipeline() {
  const topic = await freshTopic();
  const shards = await freshShards(topic);
  const logger = fakeLogger();
  const place = { bootstrapServers: topic.bootstrapServers, topic: topic.topic };
  const log = createLogReader(place);
  const writer = createLogWriter(place);
  const redisUrl = inject('servers').redis;
  const segments = createSegmentStore({ url: redisUrl, topic: topic.topic });
  const seal = { scope: sealScope(topic.topic, 1), key: randomBytes(32) };
  const consume = buildConsumer(seal, { segments, logger, metrics: noMetrics, clock: systemClock });
  let ledgers = openLedgers();
  const history = new LogHistory();
  let skewMs = 0;
  const clock = { ...systemClock, now: () => Date.now() + skewMs };

  function openLedgers(): readonly ShardLedger[] {
    return shards.writerUrls.map((url, shard) =>
      createShardLedger({ url, shard, mapVersion: routeMapVersion, logger }),
    );
  }

  /** One pass over every shard; returns the commits made. */
  async function pass(checkpoint: Checkpoint = noCheckpoint): Promise<number> {
    const ports = { log, segments, seal, logger, clock, checkpoint, metrics: noMetrics };
    const passes = await Promise.all(
      ledgers.map((ledger) =>
        new ShardPass(
          { ledger, history, mayCommit: () => true, onCommit: () => {}, watch: new Stopwatch(clock) },
          ports,
        ).run(),
      ),
    );
    return passes.reduce((sum, { commits }) => sum + commits, 0);
  }

  return {
    topic,
    shards,
    log,
    segments,
    seal,
    logger,
    pass,
    /** What a flusher of its own process needs to work on this pipeline. */
    environment: {
      [ENV_KAFKA_BOOTSTRAP_SERVERS]: topic.bootstrapServers,
      [ENV_KAFKA_TOPIC]: topic.topic,
      [ENV_REDIS_URL]: redisUrl,
      [ENV_SEGMENT_KEY]: seal.key.toString('base64'),
      [ENV_SHARD_WRITER_URLS]: shards.writerUrls.join(','),
    },
    /** Moves the flusher's clock ahead: what the last pass saw of the log is that much older now. */
    age(ms: number): void {
      skewMs += ms;
    },
    /** Appends records to a partition; returns the offset of the first. */
    async append(partition: number, values: readonly Buffer[]): Promise<number> {
      const appended = await writer.append(values.map((value) => ({ partition, value })));
      return Math.min(...appended.map(({ offset }) => offset));
    },
    /** Delivers the records `from <= offset < to` of a partition to the consumer, as an MSK event. */
    async deliver(partition: number, from: number, to = Number.POSITIVE_INFINITY) {
      const read = await log.read([{ partition, from, bytesMax: 4_000_000 }]);
      const records = (read.get(partition) ?? []).filter(({ offset }) => offset < to);
      return consume(mskEvent(topic.topic, partition, records));
    },
    /** Passes until every partition is committed to its end. */
    async flush(): Promise<void> {
      for (let done = 0; done < passesMax; done++) {
        await pass().catch((error: unknown) => {
          if (!isTransient(error)) throw error;
        });
        skewMs += tailGapAgeMs;
        const bounds = await log.bounds();
        const progress = (await Promise.all(ledgers.map((ledger) => ledger.progress()))).flat();
        if (progress.every((row) => row.nextOffset === bounds.get(row.partition)?.end)) return;
        await systemClock.sleep(20);
      }
      throw new Error(
        `not committed to the end after ${passesMax} passes: ${logger.messages.slice(-5).join('; ')}`,
      );
    },
    /** New connections, as after a restart of the flusher. */
    async restart(): Promise<void> {
      await Promise.all(ledgers.map((ledger) => ledger.close()));
      ledgers = openLedgers();
    },
    /** Compares the log with the shards; `differences` is empty when every event is counted once. */
    async recount() {
      return recount({
        kafka: topic.bootstrapServers,
        topic: topic.topic,
        shards: shards.operatorUrls,
        complete: true,
      });
    },
    async close(): Promise<void> {
      await Promise.all([
        ...ledgers.map((ledger) => ledger.close()),
        log.close(),
        writer.close(),
        segments.close(),
      ]);
      await shards.drop();
    },
  };
}

export type Pipeline = Awaited<ReturnType<typeof openPipeline>>;

/** What an MSK event source mapping delivers. */
export function mskEvent(topic: string, partition: number, records: readonly LogRecord[]): MSKEvent {
  return {
    eventSource: 'aws:kafka',
    eventSourceArn: 'arn:aws:kafka:eu-central-1:123456789012:cluster/odometer/test',
    bootstrapServers: 'localhost:9092',
    records: {
      [`${topic}-${partition}`]: records.map(({ offset, value }) => ({
        topic,
        partition,
        offset,
        timestamp: 0,
        timestampType: 'LOG_APPEND_TIME' as const,
        key: '',
        value: value.toString('base64'),
        headers: [],
      })),
    },
  };
}
