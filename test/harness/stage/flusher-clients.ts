/** The clients of one flusher on a stage of real servers, which note when it read the log. */
import { createShardLedger } from '../../../shared/ledger/postgres/shard-ledger.ts';
import type { ShardLedger } from '../../../shared/ledger/shard-ledger.ts';
import type { EventLogReader, TopicReader } from '../../../shared/log/event-log.ts';
import { createLogReader } from '../../../shared/log/kafka/log-reader.ts';
import { routeMapVersion } from '../../../shared/log/routing.ts';
import { createSegmentStore } from '../../../shared/segments/redis/segment-store.ts';
import type { SegmentStore } from '../../../shared/segments/segment-store.ts';
import type { JudgedTime } from '../../simulation/model.ts';
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
  readonly #time: JudgedTime;
  /** The last two times that it read a partition. */
  readonly #reads = new Map<number, readonly [number, number]>();

  constructor({ topic: { bootstrapServers, topic }, redisUrl, writerUrls, time, date }: FlusherPlace) {
    this.#time = time;
    this.log = this.#notingReads(createLogReader({ bootstrapServers, topic }));
    this.segments = createSegmentStore({ url: redisUrl, topic });
    this.shards = [...writerUrls].map(([shard, url]) => {
      const ledger = createShardLedger({ url, shard, mapVersion: routeMapVersion });
      // Looks are dated by the shard's clock, which shows what the script says, as every clock here.
      const dated = Object.assign(ledger, { nowMs: async () => date() });
      return { ledger: dated, clock: new SkewedClock(date) };
    });
  }

  /** As a process of the simulation answers it. */
  readonly readAt: Written['by']['readAt'] = (partition, source) => {
    const [before, last] = this.#reads.get(partition) ?? [0, 0];
    return source === 'segments' ? before : last;
  };

  async close(): Promise<void> {
    const ledgers = this.shards.map(({ ledger }) => ledger);
    await Promise.all([this.log, this.segments, ...ledgers].map((client) => client.close()));
  }

  #notingReads(log: EventLogReader): EventLogReader {
    const note = (partition: number) => {
      const [, last] = this.#reads.get(partition) ?? [0, 0];
      this.#reads.set(partition, [last, this.#time.points]);
    };
    const noting = (reader: TopicReader): TopicReader => ({
      read: (reads) => {
        for (const { partition } of reads) note(partition);
        return reader.read(reads);
      },
      recordHashes: (partition, offsets) => {
        note(partition);
        return reader.recordHashes(partition, offsets);
      },
    });
    return { ...log, ofTopic: (topicId) => noting(log.ofTopic(topicId)) };
  }
}
