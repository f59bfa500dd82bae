/** A usage event as ingest accepts it, and as an envelope carries it. */

/** A flat object of JSON scalars, already canonical JSON text; sealed before it leaves ingest. */
export type PropertiesText = string;

/** The fields that an event has everywhere. */
export interface EventContent {
  readonly organization: string;
  readonly metric: string;
  /** Canonical decimal text. */
  readonly quantity: string;
  readonly idempotencyKey: string;
  /** The client's timestamp, else the stamp that ingest gave. */
  readonly eventTimeMs: number;
  /** The client sent no timestamp. */
  readonly undated: boolean;
  /** Canonical text, empty without any; see `dimensions.ts`. */
  readonly dimensions: string;
}

interface FingerprintedEvent extends EventContent {
  /** 32 hex digits over the canonical plaintext; see `identity.ts`. */
  readonly fingerprint: string;
}

export interface UsageEvent extends FingerprintedEvent {
  readonly properties: PropertiesText | null;
}

/** The event as an envelope carries it: `sealed` is AES-256-GCM ciphertext and tag, base64. */
export interface SealedEvent extends FingerprintedEvent {
  readonly sealed: string | null;
}
