/**
 * Group commit: events of concurrent requests leave in common envelopes and common appends.
 *
 * One append at a time runs on a lane (the partitions of one broker). While it runs, and for at most `lingerMs`
 * after the first event when nothing runs, arriving events wait and are joined per partition. A lane:
 *
 *   idle --event, no other request open--> appending
 *   idle --event--> lingering --linger over, or an envelope is full--> appending --settled, nothing waits--> idle
 *                       ^                                                  |  ^
 *                       '----- settled, events wait, linger not over ------'  '-- settled, a full linger is over
 *
 * The linger waits for the company of concurrent requests, so a request that is alone does not wait: a client that
 * sends one after another would only be slowed down.
 *
 * A request is answered when all its own envelopes are acknowledged (U1). When an append fails, exactly the requests
 * with events in it fail. Events that wait, or are in an append that has not ended, are bounded in number and bytes.
 */

import { invariant, OdometerError } from '../../shared/errors.ts';
import type { SealedEvent, UsageEvent } from '../../shared/events/usage-event.ts';
import { deadlineCheckMs } from '../../shared/limits.ts';
import { type EnvelopeVersion, encodeEnvelope, eventBytesBound } from '../../shared/log/envelope.ts';
import type { Append, Appended, EventLogWriter } from '../../shared/log/event-log.ts';
import type { ReceiptPlace, Receipts } from '../../shared/log/receipt.ts';
import { partitionOf } from '../../shared/log/routing.ts';
import type { Clock, MonotonicMs } from '../../shared/runtime/clock.ts';
import { InFlight } from './in-flight.ts';
import {
  type Batch,
  type EnvelopeReceipt,
  PartitionQueue,
  type Ticket,
  type Waiting,
} from './partition-queue.ts';
import type { PropertySealer } from './seal-properties.ts';

export interface GroupCommitOptions {
  readonly log: EventLogWriter;
  readonly clock: Clock;
  readonly sealer: PropertySealer;
  /** 16 random bytes of this process. */
  readonly producerId: Buffer;
  readonly partitions: number;
  readonly receipts: Pick<Receipts, 'seal'>;
  readonly lingerMs: number;
  readonly envelopeVersion: EnvelopeVersion;
}

interface Lane {
  appending: boolean;
  lingering: boolean;
}

export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #queues: readonly PartitionQueue[];
  readonly #lanes = new Map<number, Lane>();
  /** Requests without an answer yet, oldest first. */
  readonly #open = new Set<Ticket>();
  readonly #inFlight = new InFlight();
  #watching = false;
  #sequence = 0;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
    this.#queues = Array.from(
      { length: options.partitions },
      (_, partition) => new PartitionQueue(partition),
    );
  }

  /**
   * Resolves with one receipt per envelope that the events reached, when every in-sync replica has all of them.
   * Throws `overloaded` (nothing was taken), what the append threw, or `log_unavailable` when the deadline is
   * over: then any part may be stored, also later.
   */
  submit(events: readonly UsageEvent[], deadlineMs: MonotonicMs): Promise<readonly EnvelopeReceipt[]> {
    if (events.length === 0) return Promise.resolve([]);
    const sized = events.map((event) => ({ event, bytes: eventBytesBound(event) }));
    const taken = this.#inFlight.take(sized);
    if (taken !== 'taken') {
      const message = `the bound of events in flight is reached: ${taken}`;
      return Promise.reject(new OdometerError('overloaded', message, { retryable: true }));
    }
    const { promise, resolve, reject } = Promise.withResolvers<readonly EnvelopeReceipt[]>();
    const receipts: EnvelopeReceipt[] = [];
    const ticket = { unacknowledged: events.length, deadlineMs, receipts, resolve, reject };
    this.#open.add(ticket);
    this.#watchDeadlines();
    this.#enqueue(sized, ticket);
    return promise;
  }

  /** One timer for all requests: at 15,000 requests a second a timer each would cost more than their hashing. */
  #watchDeadlines(): void {
    if (this.#watching) return;
    this.#watching = true;
    void this.#options.clock.sleep(deadlineCheckMs).then(() => {
      this.#watching = false;
      const atMs = this.#options.clock.monotonic();
      for (const ticket of this.#open) {
        if (ticket.deadlineMs > atMs) continue;
        const message = 'the log did not acknowledge in time';
        this.#fail(ticket, new OdometerError('log_unavailable', message, { retryable: true }));
      }
      if (this.#open.size > 0) this.#watchDeadlines();
    });
  }

  #fail(ticket: Ticket, error: unknown): void {
    this.#open.delete(ticket);
    ticket.reject(error);
  }

  #enqueue(events: readonly Pick<Waiting, 'event' | 'bytes'>[], ticket: Ticket): void {
    const atMs = this.#options.clock.monotonic();
    const touched = new Set<PartitionQueue>();
    events.forEach(({ event, bytes }, position) => {
      const queue = this.#queues[partitionOf(event.organization, this.#queues.length)];
      invariant(queue !== undefined, 'an organization was routed beyond the partitions');
      queue.push({ event, bytes, ticket, position }, atMs);
      touched.add(queue);
    });
    for (const queue of touched) this.#wake(queue, atMs);
  }

  /** Makes sure that an append takes what waits in the queue: now, after the linger, or after the running append. */
  #wake(queue: PartitionQueue, atMs: MonotonicMs): void {
    const { lingerMs, log, clock } = this.#options;
    const number = log.laneOf(queue.partition);
    const lane = this.#lane(number);
    if (queue.isEmpty || lane.appending) return;
    const remainingMs = lingerMs - queue.waitedMs(atMs);
    const alone = this.#open.size <= 1;
    if (alone || remainingMs <= 0 || queue.fillsEnvelope) {
      void this.#append(number, lane);
    } else if (!lane.lingering) {
      lane.lingering = true;
      void clock.sleep(remainingMs).then(() => {
        lane.lingering = false;
        if (!lane.appending) void this.#append(number, lane);
      });
    }
  }

  #lane(number: number): Lane {
    let lane = this.#lanes.get(number);
    if (lane === undefined) {
      lane = { appending: false, lingering: false };
      this.#lanes.set(number, lane);
    }
    return lane;
  }

  /** One append with everything that waits on the lane; never rejects. */
  async #append(number: number, lane: Lane): Promise<void> {
    const { log, clock } = this.#options;
    const onLane = this.#queues.filter((queue) => !queue.isEmpty && log.laneOf(queue.partition) === number);
    const batches = onLane.flatMap((queue) => queue.take());
    if (batches.length > 0) {
      lane.appending = true;
      try {
        const createdAtMs = clock.now();
        const appended = await log.append(batches.map((batch) => this.#encode(batch, createdAtMs)));
        invariant(
          appended.length === batches.length,
          'the log acknowledged other records than were appended',
        );
        batches.forEach((batch, i) => {
          this.#acknowledge(batch, appended[i], createdAtMs);
        });
      } catch (error) {
        for (const { waiting } of batches) for (const { ticket } of waiting) this.#fail(ticket, error);
      } finally {
        for (const { waiting } of batches) this.#inFlight.release(waiting);
        lane.appending = false;
      }
    }
    // Every queue, not only this lane's: a partition may have moved to another lane in the meantime.
    const atMs = clock.monotonic();
    for (const queue of this.#queues) this.#wake(queue, atMs);
  }

  /** One receipt for each request with events in the envelope: a request's events follow each other in its queue. */
  #acknowledge({ waiting }: Batch, appended: Appended | undefined, createdAtMs: number): void {
    invariant(appended !== undefined, 'an appended record has a place');
    for (let firstIndex = 0, end = 0; firstIndex < waiting.length; firstIndex = end) {
      const ticket = waiting[firstIndex]?.ticket;
      invariant(ticket !== undefined, 'an event waits for a request');
      while (waiting[end]?.ticket === ticket) end++;
      const ofRequest = waiting.slice(firstIndex, end);
      const positions = ofRequest.map(({ position }) => position);
      const place = { ...appended, createdAtMs, firstIndex, count: positions.length };
      this.#receive(ticket, { ...place, organization: onlyOrganizationOf(ofRequest) }, positions);
    }
  }

  #receive(ticket: Ticket, place: ReceiptPlace, positions: readonly number[]): void {
    ticket.receipts.push({ receipt: this.#options.receipts.seal(place), positions });
    ticket.unacknowledged -= positions.length;
    if (ticket.unacknowledged > 0) return;
    this.#open.delete(ticket);
    ticket.resolve(ticket.receipts);
  }

  /** Seals and encodes one envelope under the next sequence, which is never used again (it is in the nonces). */
  #encode(batch: Batch, createdAtMs: number): Append {
    const { producerId, envelopeVersion: version } = this.#options;
    const sequence = this.#sequence++;
    const events = batch.waiting.map(({ event }, index) => this.#seal(event, sequence, index));
    const header = { version, partition: batch.partition, producerId, sequence, createdAtMs };
    return { partition: batch.partition, value: encodeEnvelope(header, events) };
  }

  // Same type: called for each event, and the golden envelope of ingest holds sequence and index.
  #seal(event: UsageEvent, sequence: number, index: number): SealedEvent {
    const { organization, metric, quantity, idempotencyKey, eventTimeMs, undated, fingerprint, dimensions } =
      event;
    const sealed =
      event.properties === null
        ? null
        : this.#options.sealer.seal({ sequence, index, organization, idempotencyKey }, event.properties);
    // By name: to copy all but `properties` costs ten times as much, and the plaintext must not travel on.
    return {
      ...{
        organization,
        metric,
        quantity,
        idempotencyKey,
        eventTimeMs,
        undated,
        fingerprint,
        sealed,
        dimensions,
      },
    };
  }
}

/** Null where the events are of several organizations. */
function onlyOrganizationOf(waiting: readonly Waiting[]): string | null {
  const first = waiting[0]?.event.organization ?? null;
  return waiting.every(({ event }) => event.organization === first) ? first : null;
}
