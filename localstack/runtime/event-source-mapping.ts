/**
 * The event source mapping between Kafka and the consumer function, as AWS documents it: records of several
 * partitions are collected for a window into one invocation of bounded size; a partition's next records wait for
 * its previous ones; what fails is delivered again without end while other partitions go on.
 *
 *   polled --window, records or bytes--> invoked --succeeded--> committed, partition released
 *                                           |------failed-----> pause --> invoked again (partition held)
 */

import type { MSKEvent } from 'aws-lambda';
import { failure } from '../../shared/errors.ts';
import { batchingWindowMs, invocationPayloadBytesMax, invocationRecordsMax } from '../../shared/limits.ts';
import type { Logger } from '../../shared/runtime/logger.ts';
import {
  type EventSource,
  fromBatchResponse,
  type PolledRecord,
  type Slices,
  toMskEvent,
} from './msk-event.ts';
import { type BatchLimits, PartitionBuffer } from './partition-buffer.ts';

/** One poller of provisioned mode invokes this many functions at a time. */
const invocationsMax = 5;
const retryPauseMs = 100;
const retryPauseMaxMs = 10_000;

export interface MappingLimits extends BatchLimits {
  readonly windowMs: number;
}

export interface MappingOptions {
  readonly source: EventSource;
  readonly invoke: (event: MSKEvent) => Promise<unknown>;
  /** Stores the group's next offsets. */
  readonly commit: (next: ReadonlyMap<number, number>) => Promise<void>;
  /** Records of this partition went into an invocation: there is room for more. */
  readonly onTaken?: (partition: number) => void;
  readonly logger: Logger;
  /** Others in tests, and where a template names them. */
  readonly limits?: MappingLimits;
}

interface Delivery {
  readonly slices: Slices;
  readonly attempt: number;
}

export class EventSourceMapping {
  readonly #options: MappingOptions;
  readonly #windowMs: number;
  readonly #buffer: PartitionBuffer;
  readonly #again: Delivery[] = [];
  readonly #running = new Set<Promise<void>>();
  readonly #uncommitted = new Map<number, number>();
  #committing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: MappingOptions) {
    const limits = options.limits ?? {
      windowMs: batchingWindowMs,
      recordsMax: invocationRecordsMax,
      payloadBytesMax: invocationPayloadBytesMax,
    };
    this.#options = options;
    this.#windowMs = limits.windowMs;
    this.#buffer = new PartitionBuffer(options.source.topic, limits);
  }

  /** Takes polled records; answers how many bytes of this partition wait now. */
  offer(partition: number, records: readonly PolledRecord[]): number {
    if (this.#stopped) return 0;
    this.#buffer.add(partition, records, performance.now());
    this.#schedule();
    return this.#buffer.bytesOf(partition);
  }

  bytesOf(partition: number): number {
    return this.#buffer.bytesOf(partition);
  }

  /** The group was joined again and polls from its committed offsets: the waiting records will be polled again. */
  reset(): void {
    this.#buffer.clear();
  }

  /** Lets running invocations end, retries nothing, and stores their offsets. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await Promise.all(this.#running);
    await this.#committing;
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    while (!this.#stopped && this.#running.size < invocationsMax) {
      const delivery = this.#next();
      if (delivery === undefined) return;
      const running = this.#deliver(delivery).finally(() => {
        this.#running.delete(running);
        this.#schedule();
      });
      this.#running.add(running);
    }
  }

  /** What to invoke now; when only the window is missing, comes back at its end. */
  #next(): Delivery | undefined {
    const again = this.#again.shift();
    if (again !== undefined) return again;
    const oldestMs = this.#buffer.oldestMs();
    if (oldestMs === undefined) return undefined;
    const waitMs = oldestMs + this.#windowMs - performance.now();
    if (waitMs > 0 && !this.#buffer.full()) {
      this.#timer = setTimeout(() => this.#schedule(), waitMs);
      return undefined;
    }
    const slices = this.#buffer.take();
    for (const partition of slices.keys()) this.#options.onTaken?.(partition);
    return { slices, attempt: 1 };
  }

  async #deliver({ slices, attempt }: Delivery): Promise<void> {
    const { source, invoke, logger } = this.#options;
    const fields = { partitions: [...slices.keys()], attempt };
    let result: unknown;
    try {
      result = await invoke(toMskEvent(source, slices));
    } catch (error) {
      logger.warn(
        { ...fields, ...failure(error) },
        'the function failed; the whole batch is delivered again',
      );
      this.#retry({ slices, attempt });
      return;
    }
    const outcome = fromBatchResponse(source.topic, result, slices);
    if (outcome.kind === 'malformed') {
      logger.error({ ...fields, reason: outcome.reason }, 'the answer is not understood; delivered again');
      this.#retry({ slices, attempt });
      return;
    }
    for (const [partition, next] of outcome.succeeded) this.#uncommitted.set(partition, next);
    for (const partition of slices.keys())
      if (!outcome.failed.has(partition)) this.#buffer.release(partition);
    if (outcome.failed.size > 0) {
      logger.warn({ ...fields, failed: [...outcome.failed.keys()] }, 'items failed; delivered again');
      // What made progress starts with short pauses again.
      const progressed = [...outcome.failed.keys()].some((partition) => outcome.succeeded.has(partition));
      this.#retry({ slices: outcome.failed, attempt: progressed ? 1 : attempt });
    }
    this.#commit();
  }

  #retry({ slices, attempt }: Delivery): void {
    const pauseMs = Math.min(retryPauseMs * 2 ** Math.min(attempt - 1, 20), retryPauseMaxMs);
    setTimeout(() => {
      this.#again.push({ slices, attempt: attempt + 1 });
      this.#schedule();
    }, pauseMs).unref();
  }

  /** One commit at a time, of everything that succeeded meanwhile; a lost one only means redelivery. */
  #commit(): void {
    if (this.#committing !== undefined || this.#uncommitted.size === 0) return;
    const next = new Map(this.#uncommitted);
    this.#uncommitted.clear();
    this.#committing = this.#options
      .commit(next)
      .catch((error: unknown) => this.#options.logger.warn(failure(error), 'offsets were not committed'))
      .then(() => {
        this.#committing = undefined;
        this.#commit();
        return this.#committing;
      });
  }
}
