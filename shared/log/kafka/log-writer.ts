/**
 * Appends envelopes with kafkajs: acks from all in-sync replicas, partitions given by the caller. Never
 * idempotent: a repeated append costs a duplicate, which the ledger counts once (U2); concurrent idempotent
 * sends were seen to lose acknowledged records.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Producer, RecordMetadata } from 'kafkajs';
import { produceTimeoutMs, wakeAnswerTimeoutMs } from '../../limits.ts';
import { within } from '../../runtime/within.ts';
import type { Append, Appended, EventLogWriter } from '../event-log.ts';
import { createKafka } from './kafkajs.ts';
import type { LogConnection } from './log-connection.ts';
import { logUnavailable } from './log-unavailable.ts';

const retryPauseMs = 50;
const retryPauseMaxMs = 400;
/** Metadata is refreshed by failures; a refresh by age would fail healthy partitions with a leaderless one. */
const metadataAgeMs = 24 * 60 * 60 * 1000;

/** Without an acknowledgement for this long a producer has slept. */
const sleepMsMin = 5000;

export interface LogWriterOptions extends LogConnection {
  readonly topic: string;
  /** Shorter in tests. */
  readonly timeoutMs?: number;
}

export interface LogWriter extends EventLogWriter {
  /** Connects before the first append, which connects by itself otherwise. Throws when it takes too long. */
  connect(): Promise<void>;
}

/** A writer of one topic; connects with its first append. */
export function createLogWriter(options: LogWriterOptions): LogWriter {
  const leaders = new LeaderMap();
  const session = new ProducerSession(options, leaders);
  const timeoutMs = options.timeoutMs ?? produceTimeoutMs;
  return {
    connect: () =>
      within(
        session.use(async () => {}),
        timeoutMs,
        () => passDeadline(undefined),
      ),
    laneOf: (partition) => leaders.laneOf(partition),
    async append(records) {
      const byLane = Map.groupBy(records.keys(), (index) => leaders.laneOf(records[index]?.partition ?? -1));
      const appended = new Array<Appended>(records.length);
      await Promise.all(
        [...byLane.values()].map(async (indexes) => {
          const lane = indexes.flatMap((index) => records[index] ?? []);
          const offsets = await appendLane(session, options.topic, lane, timeoutMs);
          for (const [position, index] of indexes.entries()) {
            const record = offsets[position];
            if (record !== undefined) appended[index] = record;
          }
        }),
      );
      return appended;
    },
    close: () => session.close(),
  };
}

/** Which broker leads which partition, as of the producer's last look at the metadata. */
class LeaderMap {
  #metadata: readonly unknown[] | undefined;
  #leaders = new Map<number, number>();

  learn(metadata: readonly { readonly partitionId: number; readonly leader: number }[]): void {
    if (metadata === this.#metadata) return;
    this.#metadata = metadata;
    this.#leaders = new Map(metadata.map(({ partitionId, leader }) => [partitionId, leader]));
  }

  /** Broker ids are not negative, so `-1 - partition` is a lane that only this partition has. */
  laneOf(partition: number): number {
    const leader = this.#leaders.get(partition) ?? -1;
    return leader < 0 ? -1 - partition : leader;
  }
}

/** The connected producer; one that fails for a whole deadline without any success is replaced. */
class ProducerSession {
  readonly #options: LogWriterOptions;
  readonly #leaders: LeaderMap;
  #producer: Promise<Producer> | undefined;
  #usedAtMs = 0;
  #closed = false;

  constructor(options: LogWriterOptions, leaders: LeaderMap) {
    this.#options = options;
    this.#leaders = leaders;
  }

  async use<T>(work: (producer: Producer) => Promise<T>): Promise<T> {
    if (this.#closed) throw logUnavailable('the writer is closed');
    const connecting = this.#producer ?? this.#connect();
    this.#producer = connecting;
    const producer = await connecting.catch((error: unknown) => {
      if (this.#producer === connecting) this.#producer = undefined;
      throw error;
    });
    const result = await work(producer);
    this.#usedAtMs = performance.now();
    return result;
  }

  /** It is connected, and nothing was acknowledged for so long that its connections may be broken. */
  slept(): boolean {
    return this.#producer !== undefined && performance.now() - this.#usedAtMs > sleepMsMin;
  }

  /** A producer that another lane used meanwhile works: the failure is of this lane's partitions only. */
  dropUnlessUsedSince(startedMs: number): void {
    if (this.#usedAtMs >= startedMs) return;
    const dropped = this.#producer;
    this.#producer = undefined;
    // It is dropped because it does not work, so a failing disconnect changes nothing.
    dropped?.then((producer) => producer.disconnect()).catch(() => {});
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#producer?.then((producer) => producer.disconnect()).catch(() => {});
  }

  async #connect(): Promise<Producer> {
    const producer = createKafka(this.#options).producer({
      allowAutoTopicCreation: false,
      metadataMaxAge: metadataAgeMs,
      createPartitioner:
        () =>
        ({ partitionMetadata, message }) => {
          this.#leaders.learn(partitionMetadata);
          return message.partition ?? -1;
        },
    });
    try {
      await producer.connect();
    } catch (error) {
      // A socket that was opened to a broker that never answered stays open otherwise.
      await producer.disconnect().catch(() => {});
      throw error;
    }
    return producer;
  }
}

async function appendLane(
  session: ProducerSession,
  topic: string,
  records: readonly Append[],
  timeoutMs: number,
): Promise<readonly Appended[]> {
  const started = performance.now();
  const deadline = started + timeoutMs;
  const messages = records.map(({ partition, value }) => ({ partition, value, key: null }));
  let failure: unknown;
  for (let pauseMs = retryPauseMs; ; pauseMs = Math.min(pauseMs * 2, retryPauseMaxMs)) {
    // A producer that slept may hold broken connections: it has to answer sooner, or is replaced.
    const slept = session.slept();
    const untilMs = slept ? Math.min(deadline, performance.now() + wakeAnswerTimeoutMs) : deadline;
    try {
      const sent = session.use((producer) =>
        producer.send({ topic, messages, acks: -1, timeout: timeoutMs }),
      );
      return toAppended(
        records,
        await within(sent, untilMs - performance.now(), () => passDeadline(failure)),
      );
    } catch (error) {
      failure = error;
      if (slept) session.dropUnlessUsedSince(started);
      if (performance.now() + pauseMs < deadline) {
        await sleep(pauseMs);
        continue;
      }
      session.dropUnlessUsedSince(started);
      throw logUnavailable('Kafka did not acknowledge in time', failure);
    }
  }
}

/** With what failed before; what was sent may still arrive, as the port's contract says. */
function passDeadline(cause: unknown): never {
  throw new Error('the deadline passed', { cause });
}

/**
 * The offsets of the records: kafkajs answers one base offset per partition, and the records of one request
 * and partition are one batch. A partition without an answer was not acknowledged, whatever kafkajs says.
 */
function toAppended(records: readonly Append[], sent: readonly RecordMetadata[]): readonly Appended[] {
  const next = new Map<number, number>();
  for (const { partition, errorCode, baseOffset } of sent) {
    if (errorCode === 0 && baseOffset !== undefined) next.set(partition, Number(baseOffset));
  }
  return records.map(({ partition }) => {
    const offset = next.get(partition);
    if (offset === undefined) throw new Error(`partition ${partition} was not acknowledged`);
    next.set(partition, offset + 1);
    return { partition, offset };
  });
}
