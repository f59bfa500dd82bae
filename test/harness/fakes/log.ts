import { OdometerError } from '../../../shared/errors.ts';
import { recordHashOf } from '../../../shared/log/envelope.ts';
import type {
  Append,
  Appended,
  EventLogReader,
  EventLogWriter,
  LogBounds,
  LogRead,
  LogRecord,
  TopicReader,
} from '../../../shared/log/event-log.ts';
import { settled } from './clock.ts';

interface HeldAppend {
  readonly records: readonly Append[];
  readonly acknowledge: () => Promise<void>;
  readonly fail: () => Promise<void>;
}

interface FakeLogOptions {
  /** Appends wait for the test to acknowledge or fail them. */
  readonly hold?: boolean;
  readonly laneOf?: (partition: number) => number;
}

/** What a partition holds at first: `values` from offset `start` on. */
interface KeptValues {
  readonly values: readonly Buffer[];
  readonly partition?: number;
  readonly start?: number;
}

/** A log in memory, which is read as it was written. */
export class FakeLog implements EventLogWriter, EventLogReader {
  readonly appends: HeldAppend[] = [];
  readonly laneOf: (partition: number) => number;
  readonly #hold: boolean;
  readonly #partitions = new Map<number, { readonly start: number; readonly values: Buffer[] }>();

  constructor(options: FakeLogOptions = {}) {
    this.#hold = options.hold ?? false;
    this.laneOf = options.laneOf ?? (() => 0);
  }

  /** A log of one partition that holds records before the test begins. */
  static of({ values, partition = 0, start = 0 }: KeptValues): FakeLog {
    const log = new FakeLog();
    log.#partitions.set(partition, { start, values: [...values] });
    return log;
  }

  append(records: readonly Append[]): Promise<readonly Appended[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly Appended[]>();
    const held: HeldAppend = {
      records,
      acknowledge: () => {
        resolve(records.map((record) => this.#store(record)));
        return settled();
      },
      fail: () => {
        reject(new OdometerError('log_unavailable', 'the test failed this append', { retryable: true }));
        return settled();
      },
    };
    this.appends.push(held);
    if (!this.#hold) void held.acknowledge();
    return promise;
  }

  async topicId(): Promise<string> {
    return 'topic-1';
  }

  async bounds(): Promise<ReadonlyMap<number, LogBounds>> {
    const ends = [...this.#partitions].map(
      ([partition, { start, values }]) => [partition, { start, end: start + values.length }] as const,
    );
    return new Map(ends);
  }

  async read(reads: readonly LogRead[]): Promise<ReadonlyMap<number, readonly LogRecord[]>> {
    return new Map(reads.map(({ partition, from }) => [partition, this.#recordsFrom(partition, from)]));
  }

  ofTopic(topicId: string): TopicReader {
    const checked = async () => {
      if ((await this.topicId()) === topicId) return;
      throw new OdometerError('log_unavailable', 'the topic is another', { retryable: true });
    };
    return {
      read: async (reads) => {
        await checked();
        return await this.read(reads);
      },
      recordHashes: async (partition, offsets) => {
        await checked();
        return await this.#recordHashes(partition, offsets);
      },
    };
  }

  async #recordHashes(partition: number, offsets: readonly number[]): Promise<readonly (string | null)[]> {
    return offsets.map((offset) => {
      const [record] = this.#recordsFrom(partition, offset);
      return record?.offset === offset ? recordHashOf(record.value) : null;
    });
  }

  /** Forgets everything, so that a long measurement does not fill the memory. */
  clear(): void {
    this.appends.length = 0;
    this.#partitions.clear();
  }

  async close(): Promise<void> {}

  #store({ partition, value }: Append): Appended {
    const kept = this.#partitions.get(partition) ?? { start: 0, values: [] };
    this.#partitions.set(partition, kept);
    const length = kept.values.push(value);
    return { partition, offset: kept.start + length - 1 };
  }

  // Same type: the order of every call that asks a log for a place.
  #recordsFrom(partition: number, from: number): readonly LogRecord[] {
    const { start, values } = this.#partitions.get(partition) ?? { start: 0, values: [] };
    return values.map((value, i) => ({ offset: start + i, value })).filter(({ offset }) => offset >= from);
  }
}
