/**
 * The contract of deduplication, in the plainest form: of each partition's events in log order, which count?
 * Per (organization, key) a list of the days on which it counts; the identity is the text itself, no hash.
 */
import { xorTime } from './hashes.ts';

export interface KeyedEvent {
  readonly organization: string;
  readonly key: string;
  readonly day: number;
  readonly undated: boolean;
  readonly eventTimeMs: number;
  readonly fingerprint: string;
}

/** `conflict`: a duplicate whose content differs from the event that counts. */
export type Verdict = 'counts' | 'duplicate' | 'conflict';

export class FirstOfKey {
  /** Nearly every key counts once. */
  readonly #counted = new Map<string, KeyedEvent[]>();

  /** An event that is known to count. */
  add(event: KeyedEvent): void {
    const identity = identityOf(event);
    const known = this.#counted.get(identity);
    if (known === undefined) this.#counted.set(identity, [keptOf(event)]);
    else known.push(keptOf(event));
  }

  /** Days before `closedBefore` are closed and remember no key. */
  take(event: KeyedEvent, closedBefore = Number.NEGATIVE_INFINITY): Verdict {
    const identity = identityOf(event);
    const known = this.#counted.get(identity);
    if (known === undefined) {
      this.#counted.set(identity, [keptOf(event)]);
      return 'counts';
    }
    const days = event.undated ? [event.day, event.day - 1, event.day + 1] : [event.day];
    for (const day of days) {
      if (day < closedBefore) continue;
      const first = known.find((one) => one.day === day);
      if (first !== undefined) return isSame(event, first) ? 'duplicate' : 'conflict';
    }
    known.push(keptOf(event));
    return 'counts';
  }
}

/** Equal, or one is undated and the other repeats the stamp that it was given. */
function isSame(event: KeyedEvent, first: KeyedEvent): boolean {
  if (event.fingerprint === first.fingerprint) return true;
  if (event.undated === first.undated || event.eventTimeMs !== first.eventTimeMs) return false;
  return xorTime(event.fingerprint, event.eventTimeMs) === first.fingerprint;
}

/** What is remembered of an event that counts. */
function keptOf({ organization, key, day, undated, eventTimeMs, fingerprint }: KeyedEvent): KeyedEvent {
  return { organization, key, day, undated, eventTimeMs, fingerprint };
}

function identityOf({ organization, key }: KeyedEvent): string {
  return `${organization.length}:${organization}${key}`;
}

const dayMs = 86_400_000;

/** The UTC day, as days since 1970. */
export function dayOf(ms: number): number {
  return Math.floor(ms / dayMs);
}
