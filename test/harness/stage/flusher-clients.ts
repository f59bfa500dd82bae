/** The clients of one flusher on a stage of real servers, which note when it last read the log, and last checked it. */
import { createShardLedger } from '../../../shared/ledger/postgres/shard-ledger.ts';
import type { ShardLedger } from '../../../shared/ledger/shard-ledger.ts';
import type { EventLogReader } from '../../../shared/log/event-log.ts';
import { createLogReader } from '../../../shared/log/kafka/log-reader.ts';
import { routeMapVersion, shardOf } from '../../../shared/log/routing.ts';
import { createSegmentStore } from '../../../shared/segments/redis/segment-store.ts';
import type { SegmentStore } from '../../../shared/segments/segment-store.ts';
import type { JudgedTime } from '../../simulation/model.ts';
import { partitionNumbers } from '../../simulation/script.ts';
import type { Written } from '../../simulation/shard-state.ts';
import type { StagedFlusher } from '../../simulation/stage.ts';
import type { FreshTopic } from '../pipeline/isolation.ts';
import { SkewedClock } from './skewed-clock.ts';

export interface FlusherPlace {
  readonly topic: FreshTopic;
  readonly redisUrl: string;
  /** By shard. */
  readonly writerUrls: ReadonlyMap<number, string>;
  readonly time: JudgedTime;
  readonly date: () => number;
}

export class FlusherClients implements StagedFlusher {
  readonly log: EventLogReader;
  readonly segments: SegmentStore;
  readonly shards: readonly { readonly ledger: ShardLedger; readonly clock: SkewedClock }[];
  readonly noted: Written['by'] = { readAt: new Map(), checkedAt: new Map() };
  readonly #time: JudgedTime;

  constructor({ topic: { bootstrapServers, topic }, redisUrl, writerUrls, time, date }: FlusherPlace) {
    this.#time = time;
    this.log = this.#notingReads(createLogReader({ bootstrapServers, topic }));
    this.segments = createSegmentStore({ url: redisUrl, topic });
    this.shards = [...writerUrls].map(([shard, url]) => {
      const ledger = createShardLedger({ url, shard, mapVersion: routeMapVersion });
      return { ledger: this.#notingChecks(ledger), clock: new SkewedClock(date) };
    });
  }

  async close(): Promise<void> {
    const ledgers = this.shards.map(({ ledger }) => ledger);
    await Promise.all([this.log, this.segments, ...ledgers].map((client) => client.close()));
  }

  #notingReads(log: EventLogReader): EventLogReader {
    const note = (partition: number) => this.noted.readAt.set(partition, this.#time.points);
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
  #notingChecks(ledger: ShardLedger): ShardLedger {
    const ofShard = partitionNumbers.filter((number) => shardOf(number) === ledger.shard);
    const topicId = () => {
      for (const number of ofShard) this.noted.checkedAt.set(number, this.#time.points);
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
}
