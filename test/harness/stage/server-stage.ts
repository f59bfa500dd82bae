/** A stage of real servers: Kafka, Redis and two shards of Postgres, those that the tier shares. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { inject } from 'vitest';
import { inSession } from '../../../localstack/servers/postgres-session.ts';
import { ensureTopic } from '../../../localstack/servers/topic-admin.ts';
import { usageTopic } from '../../../shared/contracts/topic.ts';
import { createShardLedger } from '../../../shared/ledger/postgres/shard-ledger.ts';
import { createSummaryReader } from '../../../shared/ledger/postgres/summary-reader.ts';
import type { ShardLedger } from '../../../shared/ledger/shard-ledger.ts';
import type { SummaryReader } from '../../../shared/ledger/summary.ts';
import type { EventLogReader } from '../../../shared/log/event-log.ts';
import { createKafka } from '../../../shared/log/kafka/kafkajs.ts';
import { createLogReader } from '../../../shared/log/kafka/log-reader.ts';
import { createLogWriter } from '../../../shared/log/kafka/log-writer.ts';
import { routeMapVersion, shardOf } from '../../../shared/log/routing.ts';
import { systemClock } from '../../../shared/runtime/process/system-clock.ts';
import { createSegmentStore } from '../../../shared/segments/redis/segment-store.ts';
import { sealScope } from '../../../shared/segments/segment.ts';
import type { SegmentStore } from '../../../shared/segments/segment-store.ts';
import { Model } from '../../simulation/model.ts';
import { simulatedStartMs } from '../../simulation/process.ts';
import { logPartitions } from '../../simulation/requests.ts';
import { partitionNumbers } from '../../simulation/script.ts';
import type { PartitionState } from '../../simulation/shard-state.ts';
import type { Stage, StagedConsumer, StagedCut, StagedFate, StagedFlusher } from '../../simulation/stage.ts';
import { type FreshShards, type FreshTopic, freshShards, freshTopic } from '../pipeline/isolation.ts';
import { type Cut, type CutProxy, cutProxy } from '../proxy/cut-proxy.ts';
import { killServer } from '../servers/kill-server.ts';
import { loseTail } from '../twin/lose-tail.ts';
import { LedgerWatch } from './ledger-watch.ts';
import { LogMirror } from './log-mirror.ts';
import { RedisHistory } from './redis-history.ts';
import { SkewedClock } from './skewed-clock.ts';

const cuts: Readonly<Record<StagedFate, Cut>> = {
  'unknown-done': 'before-answer-arrives',
  'unknown-undone': 'before-commit-arrives',
};
const shardsUsed = [...new Set(partitionNumbers.map(shardOf))];
const backMs = 30_000;
const pollMs = 100;

/** A flusher's clients, and when they last read what. */
interface Flusher extends StagedFlusher {
  readonly shards: readonly { readonly ledger: ShardLedger; readonly clock: SkewedClock }[];
  readonly log: EventLogReader;
  readonly readAt: Map<number, number>;
  readonly checkedAt: Map<number, number>;
}

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
  readonly #dataDir = inject('servers').dataDir;
  readonly #time = { nowMs: 0, points: 0 };
  readonly #mirror: LogMirror;
  readonly #watch: LedgerWatch;
  readonly #redis: RedisHistory;
  readonly #segments: SegmentStore;
  readonly #writers: readonly ReturnType<typeof createLogWriter>[];
  readonly #consumerLog: EventLogReader;
  readonly #flushers: readonly Flusher[];
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
    const { topic, shards } = servers;
    const mirrored = { kafka: topic.bootstrapServers, topic: topic.topic, partitions: partitionNumbers };
    this.#mirror = new LogMirror(mirrored, this.#time);
    this.model = new Model(this.#mirror, this.#time);
    const watched = shardsUsed.map((shard) => ({
      url: shards.operatorUrls[shard] ?? '',
      partitions: partitionNumbers.filter((number) => shardOf(number) === shard),
    }));
    this.#watch = new LedgerWatch(watched, this.model);
    const redisUrl = inject('servers').redis;
    this.#redis = new RedisHistory({ dataDir: this.#dataDir, url: redisUrl, topic: topic.topic });
    this.#segments = createSegmentStore({ url: redisUrl, topic: topic.topic });
    const place = { bootstrapServers: topic.bootstrapServers, topic: topic.topic };
    this.#writers = [0, 1].map(() => createLogWriter(place));
    this.#consumerLog = createLogReader(place);
    this.summaries = createSummaryReader({ urls: shards.readerUrls, partitions: logPartitions });
    this.#flushers = [0, 1].map(() => this.#makeFlusher());
  }

  ingest(number: number) {
    const log = this.#writers[number];
    if (log === undefined) throw new Error(`there is no ingest ${number}`);
    return { log, clock: { ...systemClock, now: () => simulatedStartMs + this.#time.nowMs } };
  }

  consumer(): StagedConsumer {
    return { log: this.#consumerLog, segments: this.#segments, clock: systemClock };
  }

  flusher(number: number): Flusher {
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
    const by = flusher === undefined ? { readAt: new Map(), checkedAt: new Map() } : this.flusher(flusher);
    await this.#watch.look(by);
  }

  states(): ReadonlyMap<number, PartitionState> {
    return this.#watch.states;
  }

  async loseTails(tails: readonly StagedCut[]): Promise<void> {
    const { topic } = this.#servers.topic;
    const kept = tails.map(({ partition, count }) => {
      const { start, records } = this.#mirror.of(partition);
      return { partition, offset: Math.max(start, records.length - count) };
    });
    const meanwhile = () => {
      for (const { partition, offset } of kept) {
        const folder = join(this.#dataDir, 'kafka', 'node1', 'data', `${topic}-${partition}`);
        loseTail({ folder, offset });
      }
    };
    const isBack = async () => {
      if ((await this.#consumerLog.bounds()).size < logPartitions)
        throw new Error('a partition has no leader');
    };
    await killServer({ dataDir: this.#dataDir, name: 'kafka' }, { meanwhile, isBack });
    await this.#mirror.reconnect();
    const bounds = await this.#consumerLog.bounds();
    for (const { partition, offset } of kept) {
      const end = bounds.get(partition)?.end;
      if (end !== offset) throw new Error(`partition ${partition} ends at ${end}, it was cut at ${offset}`);
    }
  }

  async makeTopicAgain(): Promise<void> {
    const { topic, topicId, bootstrapServers } = this.#servers.topic;
    const plan = { bootstrapServers, topic, partitions: logPartitions, replicationFactor: 1 };
    await this.#asAdmin((admin) => admin.deleteTopics({ topics: [topic] }));
    await until(async () => {
      const made = await ensureTopic({ ...plan, settings: usageTopic.settings });
      return made.topicId !== topicId;
    });
    await this.#mirror.replaced();
  }

  async expire({ partition, start }: { readonly partition: number; readonly start: number }): Promise<void> {
    const { topic } = this.#servers.topic;
    await this.#asAdmin((admin) =>
      admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: `${start}` }] }),
    );
    await until(async () => ((await this.#consumerLog.bounds()).get(partition)?.start ?? 0) >= start);
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
    await until(() => answers(this.#segments.boundLogs(partitionNumbers)));
    for (const { segments } of this.#flushers)
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
    const { proxies, shards } = this.#servers;
    const proxyList = [...proxies.values()];
    const struck = proxyList.reduce((sum, proxy) => sum + proxy.cuts, 0);
    this.#redis.close();
    await Promise.all([
      this.#mirror.close(),
      this.#segments.close(),
      this.#consumerLog.close(),
      this.summaries.close(),
      ...this.#writers.map((writer) => writer.close()),
      ...this.#flushers.flatMap(({ shards: passed, segments, log }) =>
        [...passed.map(({ ledger }) => ledger), segments, log].map((client) => client.close()),
      ),
    ]);
    await Promise.all(proxyList.map((proxy) => proxy.close()));
    await shards.drop();
    if (struck !== this.#fatesAsked) throw new Error(`${struck} of ${this.#fatesAsked} connections were cut`);
  }

  #makeFlusher(): Flusher {
    const { topic, proxies } = this.#servers;
    const [readAt, checkedAt] = [new Map<number, number>(), new Map<number, number>()];
    const shards = shardsUsed.map((shard) => {
      const url = proxies.get(shard)?.url ?? '';
      const ledger = createShardLedger({ url, shard, mapVersion: routeMapVersion });
      const clock = new SkewedClock(() => simulatedStartMs + this.#time.nowMs);
      return { ledger: this.#notingChecks(ledger, checkedAt), clock };
    });
    const place = { bootstrapServers: topic.bootstrapServers, topic: topic.topic };
    return {
      log: this.#notingReads(createLogReader(place), readAt),
      segments: createSegmentStore({ url: inject('servers').redis, topic: topic.topic }),
      shards,
      readAt,
      checkedAt,
    };
  }

  #notingReads(log: EventLogReader, readAt: Map<number, number>): EventLogReader {
    const note = (partition: number) => readAt.set(partition, this.#time.points);
    return {
      ...log,
      read: (reads) => {
        for (const { partition } of reads) note(partition);
        return log.read(reads);
      },
      recordHashes: (partition, offsets) => {
        note(partition);
        return log.recordHashes(partition, offsets);
      },
    };
  }

  /** A pass asks a shard first which topic it is of, when it checks the log. */
  #notingChecks(ledger: ShardLedger, checkedAt: Map<number, number>): ShardLedger {
    const topicId = () => {
      for (const number of partitionNumbers)
        if (shardOf(number) === ledger.shard) checkedAt.set(number, this.#time.points);
      return ledger.topicId();
    };
    return new Proxy(ledger, {
      get: (target, name) => {
        if (name === 'topicId') return topicId;
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  async #asAdmin<T>(
    work: (admin: ReturnType<ReturnType<typeof createKafka>['admin']>) => Promise<T>,
  ): Promise<T> {
    const { bootstrapServers, topic } = this.#servers.topic;
    const admin = createKafka({ bootstrapServers }).admin();
    await admin.connect();
    try {
      // Loads the topic's metadata, which the next call wants.
      await admin.fetchTopicOffsets(topic);
      return await work(admin);
    } finally {
      await admin.disconnect();
    }
  }
}

async function answers(call: Promise<unknown>): Promise<boolean> {
  return call.then(
    () => true,
    () => false,
  );
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + backMs;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error('what is waited for did not happen');
    await delay(pollMs);
  }
}
