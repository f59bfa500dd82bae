import type { UsageEvent } from '../../shared/events/usage-event.ts';
import {
  inFlightBytesMax,
  inFlightEventsMax,
  organizationInFlightBytesMax,
  organizationInFlightEventsMax,
} from '../../shared/limits.ts';

/** Events, and bytes by `eventBytesBound`. */
interface Held {
  events: number;
  bytes: number;
}

/** An event with its bytes by `eventBytesBound`. */
interface Sized {
  readonly event: Pick<UsageEvent, 'organization'>;
  readonly bytes: number;
}

/**
 * What ingest holds until the log has it, bounded for all together and for each organization: the flood of one is answered
 * 503 by its own share, while there is room for the others.
 */
export class InFlight {
  readonly #all: Held = { events: 0, bytes: 0 };
  /** Only organizations that hold something. */
  readonly #held = new Map<string, Held>();

  /** Takes all of them, or none and answers what is full. */
  take(arrived: readonly Sized[]): 'taken' | 'all-full' | 'organization-full' {
    const brought = new Map<string, Held>();
    const all: Held = { events: 0, bytes: 0 };
    for (const { event, bytes } of arrived) {
      add(heldBy(brought, event.organization), bytes);
      add(all, bytes);
    }
    if (this.#all.events + all.events > inFlightEventsMax) return 'all-full';
    if (this.#all.bytes + all.bytes > inFlightBytesMax) return 'all-full';
    for (const [organization, { events, bytes }] of brought) {
      const held = this.#held.get(organization);
      if ((held?.events ?? 0) + events > organizationInFlightEventsMax) return 'organization-full';
      if ((held?.bytes ?? 0) + bytes > organizationInFlightBytesMax) return 'organization-full';
    }
    for (const { event, bytes } of arrived) add(heldBy(this.#held, event.organization), bytes);
    this.#all.events += all.events;
    this.#all.bytes += all.bytes;
    return 'taken';
  }

  release(left: readonly Sized[]): void {
    for (const { event, bytes } of left) {
      this.#all.events -= 1;
      this.#all.bytes -= bytes;
      const held = heldBy(this.#held, event.organization);
      held.events -= 1;
      held.bytes -= bytes;
      if (held.events === 0) this.#held.delete(event.organization);
    }
  }
}

function heldBy(all: Map<string, Held>, organization: string): Held {
  let held = all.get(organization);
  if (held === undefined) {
    held = { events: 0, bytes: 0 };
    all.set(organization, held);
  }
  return held;
}

function add(held: Held, bytes: number): void {
  held.events += 1;
  held.bytes += bytes;
}
