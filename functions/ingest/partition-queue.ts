/** Events of one partition that wait for an append. */

import { dayOf } from '../../shared/events/calendar.ts';
import { EventDays } from '../../shared/events/event-days.ts';
import type { UsageEvent } from '../../shared/events/usage-event.ts';
import { produceEnvelopesMax } from '../../shared/limits.ts';
import { envelopeEventBytesMax } from '../../shared/log/envelope.ts';
import type { MonotonicMs } from '../../shared/runtime/clock.ts';

/** What a request brought into one envelope. */
export interface EnvelopeReceipt {
  /** The receipt of the n-th of these events is this text, a point and n. */
  readonly receipt: string;
  /** Places of the events among the request's accepted ones, rising. */
  readonly positions: readonly number[];
}

/** A request that waits for its envelopes. */
export interface Ticket {
  unacknowledged: number;
  /** When the request is answered at the latest. */
  readonly deadlineMs: MonotonicMs;
  readonly receipts: EnvelopeReceipt[];
  readonly resolve: (receipts: readonly EnvelopeReceipt[]) => void;
  readonly reject: (error: unknown) => void;
}

export interface Waiting {
  readonly event: UsageEvent;
  /** By `eventBytesBound`. */
  readonly bytes: number;
  readonly ticket: Ticket;
  /** Place among its request's accepted events. */
  readonly position: number;
}

/** The events of one envelope, in envelope order. */
export interface Batch {
  readonly partition: number;
  readonly waiting: readonly Waiting[];
}

export class PartitionQueue {
  readonly partition: number;
  #waiting: Waiting[] = [];
  #bytes = 0;
  /** When the first of the waiting events came. */
  #firstAtMs: MonotonicMs | undefined;

  constructor(partition: number) {
    this.partition = partition;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  get fillsEnvelope(): boolean {
    return this.#bytes >= envelopeEventBytesMax;
  }

  waitedMs(atMs: MonotonicMs): number {
    return atMs - (this.#firstAtMs ?? atMs);
  }

  push(waiting: Waiting, atMs: MonotonicMs): void {
    if (this.#waiting.length === 0) this.#firstAtMs = atMs;
    this.#waiting.push(waiting);
    this.#bytes += waiting.bytes;
  }

  /** Takes the oldest events, cut into envelopes: as many as one append may carry. */
  take(): readonly Batch[] {
    const batches: Batch[] = [];
    let from = 0;
    while (from < this.#waiting.length && batches.length < produceEnvelopesMax) {
      const to = this.#envelopeEnd(from);
      batches.push({ partition: this.partition, waiting: this.#waiting.slice(from, to) });
      from = to;
    }
    this.#waiting = from === this.#waiting.length ? [] : this.#waiting.slice(from);
    return batches;
  }

  /** The end of the envelope that starts at `from`: at least one event, then what fits. */
  #envelopeEnd(from: number): number {
    let bytes = 0;
    let to = from;
    const days = new EventDays();
    for (; to < this.#waiting.length; to++) {
      const next = this.#waiting[to];
      if (next === undefined || !days.takeOne(dayOf(next.event.eventTimeMs))) break;
      if (to > from && bytes + next.bytes > envelopeEventBytesMax) break;
      bytes += next.bytes;
    }
    this.#bytes -= bytes;
    return to;
  }
}
