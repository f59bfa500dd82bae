/** A log in memory that loses what a real one can lose: tails, whole topics, answers, leaders, and its patience. */
import { OdometerError } from '../../shared/errors.ts';
import { recordHashOf } from '../../shared/log/envelope.ts';
import type {
  Append,
  Appended,
  EventLogReader,
  EventLogWriter,
  LogBounds,
  LogRead,
  LogRecord,
  TopicReader,
} from '../../shared/log/event-log.ts';
import type { SimulatedProcess } from './process.ts';
import type { Scheduler } from './scheduler.ts';

/** What a partition held until a point, when something of it was lost. */
export interface OldVersion {
  readonly endedAt: number;
  readonly topic: string;
  readonly records: readonly Buffer[];
}

export interface PartitionLog {
  start: number;
  records: Buffer[];
  readonly versions: OldVersion[];
}

/** Until when each kind of trouble lasts, in milliseconds of the history. */
export type LogTrouble = 'down' | 'answers-lost' | 'undelivered' | 'leaderless' | 'stale-end' | 'one-by-one';

export class SimulatedLog {
  readonly partitions: ReadonlyMap<number, PartitionLog>;
  readonly #scheduler: Scheduler;
  readonly #troubles = new Map<string, number>();
  topic = 'topic-1';

  constructor(partitions: readonly number[], scheduler: Scheduler) {
    this.#scheduler = scheduler;
    this.partitions = new Map(partitions.map((number) => [number, { start: 0, records: [], versions: [] }]));
  }

  of(partition: number): PartitionLog {
    const log = this.partitions.get(partition);
    if (log === undefined) throw new Error(`no partition ${partition}`);
    return log;
  }

  trouble(kind: LogTrouble, partition: number, ms: number): void {
    this.#troubles.set(`${kind} ${partition}`, this.#scheduler.nowMs + ms);
  }

  has(kind: LogTrouble, partition: number): boolean {
    return (this.#troubles.get(`${kind} ${partition}`) ?? 0) > this.#scheduler.nowMs;
  }

  heal(): void {
    this.#troubles.clear();
  }

  /** The last records are gone, acknowledged or not. */
  truncate(partition: number, count: number): void {
    const log = this.of(partition);
    this.#keepVersion(log);
    log.records = log.records.slice(0, Math.max(log.start, log.records.length - count));
  }

  /** Other records take the place of those from an offset on, and of two more. */
  rewrite(partition: number, offset: number): void {
    const log = this.of(partition);
    if (offset < log.start || offset >= log.records.length) return;
    const others = log.records.slice(offset).concat(Buffer.alloc(0), Buffer.alloc(0));
    this.#keepVersion(log);
    log.records = log.records
      .slice(0, offset)
      .concat(others.map((_, i) => Buffer.from(`rewritten ${this.#scheduler.points} ${i}`)));
  }

  /** Somebody deletes the topic and makes one of the same name. */
  remake(): void {
    for (const log of this.partitions.values()) {
      this.#keepVersion(log);
      log.records = [];
      log.start = 0;
    }
    this.topic = `topic-${Number(this.topic.slice(6)) + 1}`;
  }

  expire(partition: number, start: number): void {
    const log = this.of(partition);
    log.start = Math.max(log.start, Math.min(start, log.records.length));
  }

  #keepVersion(log: PartitionLog): void {
    log.versions.push({ endedAt: this.#scheduler.points, topic: this.topic, records: log.records });
  }

  writer(process: SimulatedProcess): EventLogWriter {
    return {
      laneOf: (partition) => partition % 2,
      append: (records) => process.call('append', () => this.#append(records)),
      close: async () => undefined,
    };
  }

  #append(records: readonly Append[]): readonly Appended[] {
    const places: Appended[] = [];
    let lost = false;
    for (const { partition, value } of records) {
      if (this.has('down', partition)) throw unavailable();
      lost ||= this.has('answers-lost', partition);
      const offset = this.of(partition).records.push(value) - 1;
      places.push({ partition, offset });
    }
    if (lost) throw unavailable();
    return places;
  }

  reader(process: SimulatedProcess): EventLogReader {
    return {
      topicId: () => process.call('topic', () => this.topic),
      bounds: () => process.call('bounds', () => this.#bounds()),
      read: async (reads) =>
        reads.length === 0 ? new Map() : process.call('read', () => this.#read(reads, process)),
      ofTopic: (topicId) => this.#topicReader(topicId, process),
      close: async () => undefined,
    };
  }

  /** A request that names a topic which is gone is refused. */
  #topicReader(topicId: string, process: SimulatedProcess): TopicReader {
    const call = <T>(label: string, effect: () => T): Promise<T> =>
      process.call(label, () => {
        if (this.topic !== topicId) throw unavailable();
        return effect();
      });
    return {
      read: async (reads) =>
        reads.length === 0 ? new Map() : call('read', () => this.#read(reads, process)),
      recordHashes: (partition, offsets) =>
        call('hashes', () => {
          if (this.has('down', partition)) throw unavailable();
          process.hasRead(partition);
          const { start, records } = this.of(partition);
          return offsets.map((offset) => {
            const value = records[offset];
            return value === undefined || offset < start ? null : recordHashOf(value);
          });
        }),
    };
  }

  #bounds(): ReadonlyMap<number, LogBounds> {
    const bounds = new Map<number, LogBounds>();
    for (const [partition, { start, records }] of this.partitions) {
      if (this.has('down', partition)) throw unavailable();
      if (this.has('leaderless', partition)) continue;
      const stale = this.has('stale-end', partition) ? 2 : 0;
      bounds.set(partition, { start, end: Math.max(start, records.length - stale) });
    }
    return bounds;
  }

  #read(reads: readonly LogRead[], process: SimulatedProcess): ReadonlyMap<number, readonly LogRecord[]> {
    const found = new Map<number, readonly LogRecord[]>();
    for (const { partition, from, bytesMax } of reads) {
      if (this.has('down', partition)) throw unavailable();
      const { start, records } = this.of(partition);
      if (from < start) throw new OdometerError('offset_out_of_range', 'expired', { retryable: false });
      process.hasRead(partition);
      // More than a batch is asked for where the last committed record is read too.
      const batches = this.has('one-by-one', partition) ? 2 : records.length;
      const most = bytesMax === 1 ? 1 : batches;
      const values = this.has('undelivered', partition) ? [] : records.slice(from, from + most);
      found.set(
        partition,
        values.map((value, i) => ({ offset: from + i, value })),
      );
    }
    return found;
  }
}

function unavailable(): OdometerError {
  return new OdometerError('log_unavailable', 'the simulated log is down', { retryable: true });
}
