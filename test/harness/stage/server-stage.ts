/** A stage of real servers: Kafka, Redis and two shards of Postgres, those that the tier shares. */
import { setTimeout as delay } from 'node:timers/promises';
import { inject } from 'vitest';
import { inSession } from '../../../localstack/servers/postgres-session.ts';
import { createSummaryReader } from '../../../shared/ledger/postgres/summary-reader.ts';
import type { SummaryReader } from '../../../shared/ledger/summary.ts';
import type { EventLogReader } from '../../../shared/log/event-log.ts';
import { createLogReader } from '../../../shared/log/kafka/log-reader.ts';
import { createLogWriter, type LogWriter } from '../../../shared/log/kafka/log-writer.ts';
import { shardOf } from '../../../shared/log/routing.ts';
import { systemClock } from '../../../shared/runtime/process/system-clock.ts';
import { createSegmentStore } from '../../../shared/segments/redis/segment-store.ts';
import { sealScope } from '../../../shared/segments/segment.ts';
import type { SegmentStore } from '../../../shared/segments/segment-store.ts';
import { Model } from '../../simulation/model.ts';
import { simulatedStartMs } from '../../simulation/process.ts';
import { logPartitions } from '../../simulation/requests.ts';
import { partitionNumbers } from '../../simulation/script.ts';
import type { PartitionState } from '../../simulation/shard-state.ts';
import type { Stage, StagedConsumer, StagedCut, StagedFate } from '../../simulation/stage.ts';
import { type FreshShards, type FreshTopic, freshShards, freshTopic } from '../pipeline/isolation.ts';
import { type Cut, type CutProxy, cutProxy } from '../proxy/cut-proxy.ts';
import { FlusherClients } from './flusher-clients.ts';
import { LedgerWatch } from './ledger-watch.ts';
import { LogFaults } from './log-faults.ts';
import { LogMirror } from './log-mirror.ts';
import { RedisHistory } from './redis-history.ts';
import { answers, until } from './until.ts';

const cuts: Readonly<Record<StagedFate, Cut>> = {
  'unknown-done': 'before-answer-arrives',
  'unknown-undone': 'before-commit-arrives',
};
const shardsUsed = [...new Set(partitionNumbers.map(shardOf))];

interface Servers {
  readonly topic: FreshTopic;
  readonly shards: FreshShards;
  /** In front of each shard that is used. */
  readonly proxies: ReadonlyMap<number, CutProxy>;
}

export class ServerStage implements Stage {
  readonly model: Model;
  readonly summaries: SummaryReader;
  readonly #servers: Servers;
  readonly #time = { nowMs: 0, points: 0 };
  readonly #mirror: LogMirror;
  readonly #watch: LedgerWatch;
  readonly #faults: LogFaults;
  readonly #redis: RedisHistory;
  readonly #segments: SegmentStore;
  readonly #writers: readonly LogWriter[];
  readonly #reader: EventLogReader;
  readonly #flushers: readonly FlusherClients[];
  #fatesAsked = 0;

  /** A topic and databases of its own, with the log of each partition named to the consumer, as a first pass does it. */
  static async open(): Promise<ServerStage> {
    const topic = await freshTopic(logPartitions);
    const shards = await freshShards(topic);
    const proxies = await Promise.all(
      shardsUsed.map(async (shard) => [shard, await cutProxy(shards.writerUrls[shard] ?? '')] as const),
    );
    const stage = new ServerStage({ topic, shards, proxies: new Map(proxies) });
    const scope = sealScope({ topicId: topic.topicId, generation: 1 });
    await stage.#segments.bindLogs(new Map(partitionNumbers.map((number) => [number, scope])));
    return stage;
  }

  private constructor(servers: Servers) {
    this.#servers = servers;
    const { topic, shards, proxies } = servers;
    const { dataDir, redis: redisUrl } = inject('servers');
    const place = { bootstrapServers: topic.bootstrapServers, topic: topic.topic };
    const mirrored = { kafka: topic.bootstrapServers, topic: topic.topic, partitions: partitionNumbers };
    this.#mirror = new LogMirror(mirrored, this.#time);
    this.model = new Model(this.#mirror, this.#time);
    const watched = shardsUsed.map((shard) => ({
      url: shards.operatorUrls[shard] ?? '',
      partitions: partitionNumbers.filter((number) => shardOf(number) === shard),
    }));
    this.#watch = new LedgerWatch(watched, this.model);
    this.#redis = new RedisHistory({ dataDir, url: redisUrl, topic: topic.topic });
    this.#segments = createSegmentStore({ url: redisUrl, topic: topic.topic });
    this.#writers = [0, 1].map(() => createLogWriter(place));
    this.#reader = createLogReader(place);
    this.#faults = new LogFaults({ dataDir, topic, reader: this.#reader });
    this.summaries = createSummaryReader({ urls: shards.readerUrls, partitions: logPartitions });
    const writerUrls = new Map([...proxies].map(([shard, { url }]) => [shard, url]));
    const [time, date] = [this.#time, () => this.#nowMs()];
    this.#flushers = [0, 1].map(() => new FlusherClients({ topic, redisUrl, writerUrls, time, date }));
  }

  ingest(number: number) {
    const log = this.#writers[number];
    if (log === undefined) throw new Error(`there is no ingest ${number}`);
    return { log, clock: { ...systemClock, now: () => this.#nowMs() } };
  }

  consumer(): StagedConsumer {
    return { log: this.#reader, segments: this.#segments, clock: systemClock };
  }

  flusher(number: number): FlusherClients {
    const flusher = this.#flushers[number];
    if (flusher === undefined) throw new Error(`there is no flusher ${number}`);
    return flusher;
  }

  async advanceTo(atMs: number): Promise<void> {
    this.#time.nowMs = atMs;
    for (const { clock } of this.#flushers.flatMap(({ shards }) => shards)) clock.advanceTo(atMs);
  }

  during<T>(work: Promise<T>): Promise<T> {
    return work;
  }

  sleep(ms: number): Promise<void> {
    return delay(ms);
  }

  async lookAtLog(): Promise<void> {
    await this.#mirror.refresh();
    this.#time.points += 1;
  }

  async lookAtLedger(flusher?: number): Promise<void> {
    // Of a commit that nobody has answered it is not known who made it, so the log may have been read at any time.
    await this.#watch.look(flusher === undefined ? { readAt: () => 0 } : this.flusher(flusher));
  }

  states(): ReadonlyMap<number, PartitionState> {
    return this.#watch.states;
  }

  async loseTails(tails: readonly StagedCut[]): Promise<void> {
    const ends = tails.map(({ partition, count }) => {
      const { start, records } = this.#mirror.of(partition);
      return { partition, offset: Math.max(start, records.length - count) };
    });
    await this.#faults.loseTails(ends);
    await this.#mirror.reconnect();
  }

  async makeTopicAgain(): Promise<void> {
    await this.#faults.makeAgain();
    await this.#mirror.replaced();
  }

  expire({ partition, start }: { readonly partition: number; readonly start: number }): Promise<void> {
    return this.#faults.expire({ partition, offset: start });
  }

  loseSegments(all: boolean): Promise<void> {
    return all ? this.#redis.loseAll() : this.#redis.losePart(partitionNumbers);
  }

  rememberSegments(): Promise<void> {
    return this.#redis.remember();
  }

  async segmentsGoBack(): Promise<void> {
    await this.#redis.goBack();
    // Every client must have found the new one, or the next batch would be left to the log.
    for (const segments of [this.#segments, ...this.#flushers.map((flusher) => flusher.segments)])
      await until(() => answers(segments.boundLogs(partitionNumbers)));
  }

  nextCommit({ shard, fate }: { readonly shard: number; readonly fate: StagedFate }): void {
    this.#fatesAsked += 1;
    this.#servers.proxies.get(shard)?.arm(cuts[fate]);
  }

  async endTransactions(): Promise<void> {
    // A script has one flusher at most that is held, and no other that works meanwhile.
    const sql = `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()
      and application_name like 'flusher:%' and state = 'idle in transaction'`;
    let ended = 0;
    for (const shard of shardsUsed) {
      const url = this.#servers.shards.superuserUrls[shard] ?? '';
      ended += await inSession(url, async (client) => (await client.query(sql)).rowCount ?? 0);
    }
    if (ended !== 1) throw new Error(`${ended} transactions were open, not one`);
  }

  async close(): Promise<void> {
    const { shards } = this.#servers;
    const proxies = [...this.#servers.proxies.values()];
    const struck = proxies.reduce((sum, proxy) => sum + proxy.cuts, 0);
    this.#redis.close();
    const clients = [this.#mirror, this.#segments, this.#reader, this.summaries];
    await Promise.all([...clients, ...this.#writers, ...this.#flushers].map((client) => client.close()));
    await Promise.all(proxies.map((proxy) => proxy.close()));
    await shards.drop();
    if (struck !== this.#fatesAsked) throw new Error(`${struck} of ${this.#fatesAsked} connections were cut`);
  }

  #nowMs(): number {
    return simulatedStartMs + this.#time.nowMs;
  }
}
