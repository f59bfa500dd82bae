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
import type { EventLogReader, EventLogWriter, LogRecord } from '../../../shared/log/event-log.ts';
import { createLogReader } from '../../../shared/log/kafka/log-reader.ts';
import { createLogWriter } from '../../../shared/log/kafka/log-writer.ts';
import { routeMapVersion, shardOf } from '../../../shared/log/routing.ts';
import { later } from '../../../shared/runtime/clock.ts';
import { noMetrics } from '../../../shared/runtime/metrics.ts';
import { systemClock } from '../../../shared/runtime/process/system-clock.ts';
import { Stopwatch } from '../../../shared/runtime/stopwatch.ts';
import { createSegmentStore } from '../../../shared/segments/redis/segment-store.ts';
import { type SegmentSeal, sealScope } from '../../../shared/segments/segment.ts';
import type { SegmentStore } from '../../../shared/segments/segment-store.ts';
import { recount } from '../../recount/recount.ts';
import { FakeLogger } from '../fakes/logger.ts';
import { type FreshShards, type FreshTopic, freshShards, freshTopic, type Rows } from './isolation.ts';

const passesMax = 60;

/** Opens a pipeline of its own topic and databases; close it after the tests. */
export async function openPipeline(): Promise<Pipeline> {
  const topic = await freshTopic();
  return new Pipeline({ topic, shards: await freshShards(topic), redisUrl: inject('servers').redis });
}

interface PipelineServers {
  readonly topic: FreshTopic;
  readonly shards: FreshShards;
  readonly redisUrl: string;
}

export class Pipeline {
  readonly topic: FreshTopic;
  readonly shards: FreshShards;
  readonly log: EventLogReader;
  readonly segments: SegmentStore;
  readonly seal: SegmentSeal;
  readonly logger = new FakeLogger();
  readonly #redisUrl: string;
  readonly #writer: EventLogWriter;
  readonly #consume: ReturnType<typeof buildConsumer>;
  readonly #history = new LogHistory();
  #ledgers: readonly ShardLedger[];
  #skewMs = 0;

  constructor({ topic, shards, redisUrl }: PipelineServers) {
    this.topic = topic;
    this.shards = shards;
    this.#redisUrl = redisUrl;
    const place = { bootstrapServers: topic.bootstrapServers, topic: topic.topic };
    this.log = createLogReader(place);
    this.#writer = createLogWriter(place);
    this.segments = createSegmentStore({ url: redisUrl, topic: topic.topic });
    this.seal = { scope: sealScope(topic.topic, 1), key: randomBytes(32) };
    const { segments, logger } = this;
    this.#consume = buildConsumer(this.seal, { segments, logger, metrics: noMetrics, clock: systemClock });
    this.#ledgers = this.#openLedgers();
  }

  /** What a flusher of its own process needs to work on this pipeline. */
  get environment() {
    return {
      [ENV_KAFKA_BOOTSTRAP_SERVERS]: this.topic.bootstrapServers,
      [ENV_KAFKA_TOPIC]: this.topic.topic,
      [ENV_REDIS_URL]: this.#redisUrl,
      [ENV_SEGMENT_KEY]: this.seal.key.toString('base64'),
      [ENV_SHARD_WRITER_URLS]: this.shards.writerUrls.join(','),
    };
  }

  /** Appends records to a partition; returns the offset of the first. */
  async append(partition: number, values: readonly Buffer[]): Promise<number> {
    const appended = await this.#writer.append(values.map((value) => ({ partition, value })));
    return Math.min(...appended.map(({ offset }) => offset));
  }

  /**
   * Delivers the records `from <= offset < to` of a partition to the consumer, as an MSK event.
   * Same type: tests write the place of a range as they would say it.
   */
  async deliver(partition: number, from: number, to = Number.POSITIVE_INFINITY) {
    const read = await this.log.read([{ partition, from, bytesMax: 4_000_000 }]);
    const records = (read.get(partition) ?? []).filter(({ offset }) => offset < to);
    return this.#consume(mskEvent(this.topic.topic, partition, records));
  }

  /** One pass over every shard; returns the commits made. */
  async pass(checkpoint: Checkpoint = noCheckpoint): Promise<number> {
    const { log, segments, seal, logger } = this;
    const clock = { ...systemClock, monotonic: () => later(systemClock.monotonic(), this.#skewMs) };
    const ports = { log, segments, seal, logger, clock, checkpoint, metrics: noMetrics };
    const rest = { history: this.#history, mayCommit: () => true, onCommit: () => {} };
    const passOf = (ledger: ShardLedger) =>
      new ShardPass({ ledger, ...rest, watch: new Stopwatch(clock) }, ports);
    const passes = await Promise.all(this.#ledgers.map((ledger) => passOf(ledger).run()));
    return passes.reduce((sum, { commits }) => sum + commits, 0);
  }

  /** Passes until every partition is committed to its end. */
  async flush(): Promise<void> {
    for (let done = 0; done < passesMax; done++) {
      await this.pass().catch((error: unknown) => {
        if (!isTransient(error)) throw error;
      });
      this.age(tailGapAgeMs);
      if (await this.#isCommitted()) return;
      await systemClock.sleep(20);
    }
    const last = this.logger.messages.slice(-5).join('; ');
    throw new Error(`not committed to the end after ${passesMax} passes: ${last}`);
  }

  /** Lets time pass for the flusher: what the last pass saw of the log is that much older now. */
  age(ms: number): void {
    this.#skewMs += ms;
  }

  /** New connections, as after a restart of the flusher. */
  async restart(): Promise<void> {
    await this.#closeLedgers();
    this.#ledgers = this.#openLedgers();
  }

  /** Rows of one statement on the shard of a partition, as the login `billing` sees them. */
  query(partition: number, sql: string): Promise<Rows> {
    return this.shards.query(shardOf(partition), sql);
  }

  /** Compares the log with the shards; `differences` is empty when every event is counted once. */
  recount() {
    const { bootstrapServers, topic } = this.topic;
    return recount({ kafka: bootstrapServers, topic, shards: this.shards.operatorUrls, complete: true });
  }

  async close(): Promise<void> {
    await Promise.all([this.#closeLedgers(), this.log.close(), this.#writer.close(), this.segments.close()]);
    await this.shards.drop();
  }

  #openLedgers(): readonly ShardLedger[] {
    const { logger } = this;
    return this.shards.writerUrls.map((url, shard) =>
      createShardLedger({ url, shard, mapVersion: routeMapVersion, logger }),
    );
  }

  async #closeLedgers(): Promise<void> {
    await Promise.all(this.#ledgers.map((ledger) => ledger.close()));
  }

  async #isCommitted(): Promise<boolean> {
    const bounds = await this.log.bounds();
    const progress = await Promise.all(this.#ledgers.map((ledger) => ledger.progress()));
    return progress.flat().every((row) => row.nextOffset === bounds.get(row.partition)?.end);
  }
}

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
