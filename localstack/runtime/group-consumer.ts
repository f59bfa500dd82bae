/** Polls the topic as a member of a consumer group, for the local event source mapping; joins without end. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer, EachBatchPayload, KafkaMessage } from 'kafkajs';
import { failure } from '../../shared/errors.ts';
import { createKafka } from '../../shared/log/kafka/kafkajs.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import { within } from '../../shared/runtime/within.ts';

/** A member that was killed holds its partitions for this long. */
const sessionTimeoutMs = 6000;
const heartbeatMs = 1000;
/** A poll is answered when this much has come, or after this long: fewer, larger polls cost less per event. */
const pollBytesMin = 256 * 1024;
const pollWaitMs = 50;
const pollBytesMax = 1024 * 1024;
const joinRetries = 3;
const rejoinPauseMs = 500;
/** A member that neither fetched nor sent a heartbeat for this long is stuck, even if it reports no error. */
const silenceMs = 30_000;
const silenceCheckMs = 5000;

interface GroupRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly { readonly name: string; readonly value: Buffer }[];
}

export interface GroupConsumerOptions {
  readonly bootstrapServers: string;
  readonly topic: string;
  readonly groupId: string;
  readonly logger: Logger;
  /** Records of one partition in offset order, each once until the group is joined again. */
  readonly onRecords: (partition: number, records: readonly GroupRecord[]) => void;
  /** The group was joined: polling starts at the committed offsets, or at the earliest ones. */
  readonly onJoined: () => void;
}

export interface GroupConsumer {
  commit(next: ReadonlyMap<number, number>): Promise<void>;
  pause(partition: number): void;
  resume(partition: number): void;
  stop(): Promise<void>;
}

/** Joins the group and polls until stopped; after a lost broker it joins again. */
export function startGroupConsumer(options: GroupConsumerOptions): GroupConsumer {
  const { topic } = options;
  const state: { stopped: boolean; member?: Member } = { stopped: false };
  const ended = (async () => {
    while (!state.stopped) {
      const member = new Member(options);
      state.member = member;
      const reason = await member.run();
      if (state.stopped) break;
      options.logger.warn(failure(reason), 'the consumer group is joined again');
      await sleep(rejoinPauseMs);
    }
  })();
  return {
    async commit(next) {
      const offsets = [...next].map(([partition, offset]) => ({ topic, partition, offset: String(offset) }));
      await state.member?.consumer.commitOffsets(offsets);
    },
    pause: (partition) => state.member?.consumer.pause([{ topic, partitions: [partition] }]),
    resume: (partition) => state.member?.resume(partition),
    async stop() {
      state.stopped = true;
      state.member?.end(undefined);
      await ended;
    },
  };
}

/** One membership, from joining until it crashes, falls silent or is ended. */
class Member {
  readonly consumer: Consumer;
  readonly #options: GroupConsumerOptions;
  readonly #ended = Promise.withResolvers<unknown>();
  #aliveMs = performance.now();
  #joined = false;

  constructor(options: GroupConsumerOptions) {
    this.#options = options;
    this.consumer = createKafka(options, joinRetries).consumer({
      groupId: options.groupId,
      sessionTimeout: sessionTimeoutMs,
      heartbeatInterval: heartbeatMs,
      minBytes: pollBytesMin,
      maxWaitTimeInMs: pollWaitMs,
      maxBytesPerPartition: pollBytesMax,
      allowAutoTopicCreation: false,
      // We make a new member instead: kafkajs has been seen to restart into a state without polling.
      retry: { retries: joinRetries, restartOnFailure: async () => false },
    });
  }

  end(reason: unknown): void {
    this.#ended.resolve(reason);
  }

  /** Does nothing before the group is joined: joining resumes every partition. */
  resume(partition: number): void {
    if (this.#joined) this.consumer.resume([{ topic: this.#options.topic, partitions: [partition] }]);
  }

  /** Resolves with why the membership is over. */
  async run(): Promise<unknown> {
    const watch = setInterval(() => {
      if (performance.now() - this.#aliveMs > silenceMs) this.end(new Error(`silent for ${silenceMs} ms`));
    }, silenceCheckMs);
    this.#listen();
    try {
      const running = this.#start().then(() => this.#ended.promise);
      return await Promise.race([running, this.#ended.promise]);
    } catch (error) {
      return error;
    } finally {
      clearInterval(watch);
      // The membership is over either way; a broker that is gone does not answer.
      await within(
        this.consumer.disconnect().catch(() => {}),
        heartbeatMs,
        () => undefined,
      );
    }
  }

  #listen(): void {
    const { events } = this.consumer;
    const alive = () => {
      this.#aliveMs = performance.now();
    };
    this.consumer.on(events.FETCH_START, alive);
    this.consumer.on(events.HEARTBEAT, alive);
    this.consumer.on(events.CRASH, ({ payload }) => this.end(payload.error));
    this.consumer.on(events.GROUP_JOIN, ({ payload }) => {
      this.#joined = true;
      for (const partition of payload.memberAssignment[this.#options.topic] ?? []) this.resume(partition);
      this.#options.onJoined();
    });
  }

  async #start(): Promise<void> {
    await this.consumer.connect();
    await this.consumer.subscribe({ topic: this.#options.topic, fromBeginning: true });
    await this.consumer.run({
      autoCommit: false,
      // All of a fetch at once: `eachBatch` only hands records on.
      partitionsConsumedConcurrently: 1,
      eachBatch: async ({ batch }: EachBatchPayload) => {
        if (batch.messages.length > 0)
          this.#options.onRecords(batch.partition, batch.messages.map(fromKafkaMessage));
      },
    });
  }
}

function fromKafkaMessage(message: KafkaMessage): GroupRecord {
  return {
    offset: Number(message.offset),
    timestampMs: Number(message.timestamp),
    key: message.key,
    value: message.value,
    headers: Object.entries(message.headers ?? {}).flatMap(([name, values]) =>
      [values ?? []].flat().map((value) => ({ name, value: Buffer.from(value) })),
    ),
  };
}
