/** What is done to a real log: a broker that loses what it had not written, retention, and a topic made again. */
import { join } from 'node:path';
import { ensureTopic } from '../../../localstack/servers/topic-admin.ts';
import { usageTopic } from '../../../shared/contracts/topic.ts';
import type { EventLogReader } from '../../../shared/log/event-log.ts';
import { createKafka } from '../../../shared/log/kafka/kafkajs.ts';
import type { FreshTopic } from '../pipeline/isolation.ts';
import { killServer } from '../servers/kill-server.ts';
import { loseTail } from '../twin/lose-tail.ts';
import { until } from './until.ts';

/** A partition ends below this offset from now on, or starts there. */
export interface PartitionOffset {
  readonly partition: number;
  readonly offset: number;
}

type Admin = ReturnType<ReturnType<typeof createKafka>['admin']>;

export class LogFaults {
  readonly #dataDir: string;
  readonly #topic: FreshTopic;
  readonly #reader: Pick<EventLogReader, 'bounds'>;

  constructor({
    dataDir,
    topic,
    reader,
  }: {
    readonly dataDir: string;
    readonly topic: FreshTopic;
    readonly reader: Pick<EventLogReader, 'bounds'>;
  }) {
    this.#dataDir = dataDir;
    this.#topic = topic;
    this.#reader = reader;
  }

  /** Kills the broker; the next one finds these partitions cut. Throws where it does not. */
  async loseTails(ends: readonly PartitionOffset[]): Promise<void> {
    const { topic, partitions } = this.#topic;
    const meanwhile = () => {
      for (const { partition, offset } of ends) {
        const folder = join(this.#dataDir, 'kafka', 'node1', 'data', `${topic}-${partition}`);
        loseTail({ folder, offset });
      }
    };
    const isBack = async () => {
      if ((await this.#reader.bounds()).size < partitions) throw new Error('a partition has no leader');
    };
    await killServer({ dataDir: this.#dataDir, name: 'kafka' }, { meanwhile, isBack });
    const bounds = await this.#reader.bounds();
    for (const { partition, offset } of ends) {
      const end = bounds.get(partition)?.end;
      if (end !== offset) throw new Error(`partition ${partition} ends at ${end}, it was cut at ${offset}`);
    }
  }

  /** Deletes the topic and creates one of its name. */
  async makeAgain(): Promise<void> {
    const { topic, topicId, bootstrapServers, partitions } = this.#topic;
    const plan = { bootstrapServers, topic, partitions, replicationFactor: 1 };
    await this.#asAdmin((admin) => admin.deleteTopics({ topics: [topic] }));
    await until(async () => {
      const made = await ensureTopic({ ...plan, settings: usageTopic.settings });
      return made.topicId !== topicId;
    });
  }

  /** What retention does: the broker drops whole records below an offset. */
  async expire({ partition, offset }: PartitionOffset): Promise<void> {
    const { topic } = this.#topic;
    await this.#asAdmin((admin) =>
      admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: `${offset}` }] }),
    );
    await until(async () => ((await this.#reader.bounds()).get(partition)?.start ?? 0) >= offset);
  }

  async #asAdmin(work: (admin: Admin) => Promise<unknown>): Promise<void> {
    const { bootstrapServers, topic } = this.#topic;
    const admin = createKafka({ bootstrapServers }).admin();
    await admin.connect();
    try {
      // Loads the topic's metadata, which the next call wants.
      await admin.fetchTopicOffsets(topic);
      await work(admin);
    } finally {
      await admin.disconnect();
    }
  }
}
