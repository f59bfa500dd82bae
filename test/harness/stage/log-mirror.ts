/** What the model knows of a real log: all its records, read by the recount's own reader, and what was lost of it. */
import { hash } from 'node:crypto';
import { Log } from '../../recount/log.ts';
import type { PartitionLog } from '../../simulation/log.ts';
import type { JudgedLog, JudgedTime } from '../../simulation/model.ts';

export interface MirroredTopic {
  readonly kafka: string;
  readonly topic: string;
  readonly partitions: readonly number[];
}

export class LogMirror implements JudgedLog {
  readonly partitions: ReadonlyMap<number, PartitionLog>;
  /** As the model calls it: another number is another topic of the same name. */
  topic = 'topic-1';
  readonly #of: MirroredTopic;
  readonly #time: JudgedTime;
  /** One buffer for each content: the model compares records by identity. */
  readonly #known = new Map<string, Buffer>();
  #reader: Log;

  constructor(of: MirroredTopic, time: JudgedTime) {
    this.#of = of;
    this.#time = time;
    this.#reader = new Log(of.kafka, of.topic);
    this.partitions = new Map(
      of.partitions.map((number) => [number, { start: 0, records: [], versions: [] }]),
    );
  }

  of(partition: number): PartitionLog {
    const log = this.partitions.get(partition);
    if (log === undefined) throw new Error(`no partition ${partition} is mirrored`);
    return log;
  }

  /** Reads everything again. What was there and is not any more becomes a version that may have been seen until now. */
  async refresh(): Promise<void> {
    const bounds = await this.#reader.bounds();
    for (const [number, log] of this.partitions) {
      const { start = 0, end = 0 } = bounds[number] ?? {};
      const read = await this.#read(number, { start, end });
      // What retention removed is still known.
      const records = [...log.records.slice(0, start), ...read];
      if (log.records.some((value, offset) => records[offset] !== value)) this.#keepVersion(log);
      log.records = records;
      log.start = start;
    }
  }

  /** After another topic took the name: nothing of this one is there any more. */
  async replaced(): Promise<void> {
    for (const log of this.partitions.values()) {
      this.#keepVersion(log);
      log.records = [];
      log.start = 0;
    }
    this.topic = 'topic-2';
    await this.reconnect();
  }

  /** The broker was another process until now. */
  async reconnect(): Promise<void> {
    await this.close();
    this.#reader = new Log(this.#of.kafka, this.#of.topic);
  }

  close(): Promise<void> {
    return this.#reader.close();
  }

  async #read(partition: number, { start, end }: { readonly start: number; readonly end: number }) {
    const records: Buffer[] = [];
    for await (const some of this.#reader.read(partition, start, end)) {
      for (const { offset, value } of some) {
        if (offset !== start + records.length)
          throw new Error(`partition ${partition} has a hole at ${offset}`);
        records.push(this.#oneOf(value));
      }
    }
    return records;
  }

  #oneOf(value: Buffer): Buffer {
    const name = hash('sha256', value, 'hex');
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    // A fetch hands out views of one large buffer.
    const own = Buffer.from(value);
    this.#known.set(name, own);
    return own;
  }

  #keepVersion(log: PartitionLog): void {
    log.versions.push({ endedAt: this.#time.points, topic: this.topic, records: log.records });
  }
}
