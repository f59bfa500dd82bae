/**
 * What the shards know of single events: what became of a place in the log, what counts under a key, what an organization
 * reported. Implemented by `shared/ledger/postgres`.
 */
import type { EventContent } from '../events/usage-event.ts';

/** A place in the log, and when the event that is looked for there was accepted. */
export interface AskedPlace {
  readonly offset: number;
  readonly index: number;
  readonly createdAtMs: number;
}

/** A commit by the hash of its ledger row, which says nothing of neighbours. */
export interface CommitName {
  readonly hash: string;
  readonly committedAtMs: number;
}

/**
 * What a shard says of a place. `uncommitted`: no commit that is young enough took the offset. `skipped`: an operator gave it
 * up. `conflict`: a duplicate with other content. `not_here`: committed, and neither counted nor kept aside: a duplicate, or
 * the event was counted and its day is closed.
 */
export type PlaceState =
  | { readonly kind: 'uncommitted' }
  | { readonly kind: 'skipped'; readonly commit: CommitName }
  | { readonly kind: 'counted'; readonly commit: CommitName; readonly organization: string }
  | {
      readonly kind: 'conflict';
      readonly commit: CommitName;
      readonly organization: string;
      readonly keyHash: string;
      /** The event day of what counts, in days since 1970-01-01. */
      readonly firstDay: number;
      /** The present log is the one that this commit read. */
      readonly ofPresentLog: boolean;
    }
  | {
      readonly kind: 'quarantined';
      readonly commit: CommitName;
      readonly code: string;
      /** null: the whole record is in quarantine. */
      readonly bytes: Buffer | null;
    }
  | {
      readonly kind: 'not_here';
      readonly commit: CommitName;
      /** The present log is the one that this commit read. */
      readonly ofPresentLog: boolean;
      /** Rows of that commit may be gone with their day. */
      readonly daysClosed: boolean;
      /** Days before it are closed, in days since 1970-01-01. */
      readonly closedBefore: number | null;
    };

/** A counted event. Its properties stay sealed. */
export interface CountedEvent extends EventContent {
  readonly keyHash: string;
  readonly fingerprint: string;
  /** It has properties. */
  readonly sealed: boolean;
  /** Of its event time, in days since 1970-01-01. */
  readonly day: number;
  readonly partition: number;
  readonly offset: number;
  readonly index: number;
  readonly createdAtMs: number;
  readonly commit: CommitName;
}

/** A conflict as the ledger keeps it: the event at the place differs from what counts on `firstDay`. */
export interface KeptConflict {
  readonly partition: number;
  readonly generation: number;
  readonly offset: number;
  readonly index: number;
  readonly organization: string;
  readonly keyHash: string;
  readonly day: number;
  readonly firstDay: number;
  /** Microseconds since 1970, as text: with the place it orders the list. */
  readonly atUs: string;
}

/** A quarantined event, or a whole record (index -1). */
export interface KeptRecord {
  readonly partition: number;
  readonly generation: number;
  readonly offset: number;
  readonly index: number;
  readonly code: string;
  /** Bytes that are kept. */
  readonly size: number;
  readonly atUs: string;
}

/** Where a list of what is kept aside goes on. */
export type KeptPlace = Pick<KeptConflict, 'atUs' | 'partition' | 'generation' | 'offset' | 'index'>;

/** The last event of a page; offset and index null: everything before that time follows. */
export interface EventsBefore {
  readonly eventTimeMs: number;
  readonly offset: number | null;
  readonly index: number | null;
}

export interface EventsQuery {
  readonly organization: string;
  /** Inclusive, days since 1970-01-01. */
  readonly startDay: number;
  readonly endDay: number;
  readonly metric?: string | undefined;
  readonly before?: EventsBefore | undefined;
  readonly limit: number;
}

export interface EventsPage {
  /** Newest first. */
  readonly events: readonly CountedEvent[];
  /** null: nothing follows. A page may be shorter than its limit and have a next one. */
  readonly next: EventsBefore | null;
}

/** One idempotency key of one organization; days are inclusive, all where they are missing. */
interface KeyQuery {
  readonly organization: string;
  readonly keyHash: string;
  readonly startDay?: number | undefined;
  readonly endDay?: number | undefined;
}

/** Everything throws `shard_unavailable` (retryable). */
export interface EventLookup {
  /** What became of places of one partition, in the order asked; reads rows of any organization, and names it. */
  placesOf(partition: number, places: readonly AskedPlace[]): Promise<readonly PlaceState[]>;
  /** The counted events of these keys on these days, under the organization's row-level security (U10). */
  countedByKeys(
    organization: string,
    keys: { readonly keyHashes: readonly string[]; readonly days: readonly number[] },
  ): Promise<readonly CountedEvent[]>;
  /** The counted events and the conflicts of one key, newest first; at most `keyEventsMax` of each. */
  ofKey(query: KeyQuery): Promise<{
    readonly events: readonly CountedEvent[];
    readonly conflicts: readonly KeptConflict[];
  }>;
  /** A page of an organization's counted events. */
  list(query: EventsQuery): Promise<EventsPage>;
}

/** What administrators read of all organizations; every list is of one shard, newest first. */
export interface KeptAside {
  readonly shard: number;
  conflicts(before: KeptPlace | null, rowsMax: number): Promise<readonly KeptConflict[]>;
  quarantined(before: KeptPlace | null, rowsMax: number): Promise<readonly KeptRecord[]>;
  /** One entry with its bytes; null where there is none. */
  quarantinedAt(
    place: Pick<KeptRecord, 'partition' | 'generation' | 'offset' | 'index'>,
  ): Promise<(KeptRecord & { readonly bytes: Buffer }) | null>;
}
