/**
 * The contract of deduplication, in the plainest form: of each partition's events in log order, which count?
 * Per (organization, key) a list of the days on which it counts; the identity is the text itself, no hash.
 */
export interface KeyedEvent {
  readonly organization: string;
  readonly key: string;
  readonly day: number;
  readonly undated: boolean;
  readonly fingerprint: string;
}

/** `conflict`: a duplicate whose content differs from the event that counts. */
export type Verdict = 'counts' | 'duplicate' | 'conflict';

export class FirstOfKey {
  /** Days and fingerprints alternate; nearly every key has one of each. */
  readonly #counted = new Map<string, (number | string)[]>();

  /** An event that is known to count. */
  add(event: KeyedEvent): void {
    const identity = identityOf(event);
    const known = this.#counted.get(identity);
    if (known === undefined) this.#counted.set(identity, [event.day, event.fingerprint]);
    else known.push(event.day, event.fingerprint);
  }

  take(event: KeyedEvent): Verdict {
    const identity = identityOf(event);
    const known = this.#counted.get(identity);
    if (known === undefined) {
      this.#counted.set(identity, [event.day, event.fingerprint]);
      return 'counts';
    }
    const days = event.undated ? [event.day, event.day - 1, event.day + 1] : [event.day];
    for (const day of days) {
      for (let i = 0; i < known.length; i += 2) {
        if (known[i] === day) return known[i + 1] === event.fingerprint ? 'duplicate' : 'conflict';
      }
    }
    known.push(event.day, event.fingerprint);
    return 'counts';
  }
}

function identityOf({ organization, key }: KeyedEvent): string {
  return `${organization.length}:${organization}${key}`;
}

const dayMs = 86_400_000;

/** The UTC day, as days since 1970. */
export function dayOf(ms: number): number {
  return Math.floor(ms / dayMs);
}
