/** Reads a partition of the log from its first record, without a consumer group. */
import { Consumer, ListOffsetTimestamps } from '@platformatic/kafka';

export interface LoggedRecord {
  readonly offset: number;
  readonly value: Buffer;
}

export interface Bounds {
  readonly start: number;
  readonly end: number;
}

const fetchBytes = 8 * 1024 * 1024;
const emptyFetchesMax = 20;
const fetchWaitMs = 500;

export class Log {
  readonly #topic: string;
  readonly #consumer: Consumer;

  // Same type: an address is no topic; a swap does not connect.
  constructor(kafka: string, topic: string) {
    this.#topic = topic;
    const bootstrapBrokers = kafka.split(',');
    // The client wants a group's name; without `consume` it never joins one.
    const identity = { groupId: 'recount', clientId: 'recount' };
    this.#consumer = new Consumer({ ...identity, bootstrapBrokers, retries: 5, retryDelay: 300 });
  }

  /** First offset kept and next offset of every partition, in partition order. */
  async bounds(): Promise<readonly Bounds[]> {
    const offsets = async (timestamp: bigint) => {
      const found = await this.#consumer.listOffsets({ topics: [this.#topic], timestamp });
      return found.get(this.#topic) ?? [];
    };
    const starts = await offsets(ListOffsetTimestamps.EARLIEST);
    const ends = await offsets(ListOffsetTimestamps.LATEST);
    return starts.map((start, partition) => ({ start: Number(start), end: Number(ends[partition]) }));
  }

  /** Records with `from <= offset < to` in offset order, some thousand at a time. */
  // Same type: the order of every call that names a range of a partition.
  async *read(partition: number, from: number, to: number): AsyncGenerator<readonly LoggedRecord[]> {
    let next = from;
    for (let empty = 0; next < to; ) {
      const records = (await this.#fetch(partition, next)).filter(
        ({ offset }) => offset >= next && offset < to,
      );
      const last = records.at(-1);
      if (last === undefined) {
        empty += 1;
        if (empty > emptyFetchesMax) throw new Error(`partition ${partition} gives no record at ${next}`);
        continue;
      }
      next = last.offset + 1;
      empty = 0;
      yield records;
    }
  }

  async close(): Promise<void> {
    await this.#consumer.close(true);
  }

  // Same type: as for `read`.
  async #fetch(partition: number, from: number): Promise<readonly LoggedRecord[]> {
    const metadata = await this.#consumer.metadata({ topics: [this.#topic] });
    const topic = metadata.topics.get(this.#topic);
    const leader = topic?.partitions[partition];
    if (topic === undefined || leader === undefined) throw new Error(`no partition ${partition}`);
    const wanted = { partition, fetchOffset: BigInt(from), partitionMaxBytes: fetchBytes };
    const response = await this.#consumer.fetch({
      node: leader.leader,
      maxWaitTime: fetchWaitMs,
      minBytes: 1,
      maxBytes: fetchBytes,
      topics: [
        { topicId: topic.id, partitions: [{ ...wanted, currentLeaderEpoch: -1, lastFetchedEpoch: -1 }] },
      ],
    });
    const batches = response.responses.flatMap(({ partitions }) =>
      partitions
        .filter(({ partitionIndex }) => partitionIndex === partition)
        .flatMap((found) => found.records ?? []),
    );
    return batches.flatMap((batch) =>
      batch.records.map(({ offsetDelta, value }) => ({
        offset: Number(batch.firstOffset) + offsetDelta,
        value: value ?? Buffer.alloc(0),
      })),
    );
  }
}
