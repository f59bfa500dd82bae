/** A usage event as ingest validated it, and as it travels in an envelope. */

/** A flat object of JSON scalars, already canonical JSON text; sealed before it leaves ingest. */
export type PropertiesText = string;

interface EventFields {
  readonly organization: string;
  readonly metric: string;
  /** Canonical decimal text. */
  readonly quantity: string;
  readonly idempotencyKey: string;
  /** The client's timestamp, else the stamp that ingest gave. */
  readonly eventTimeMs: number;
  /** The client sent no timestamp. */
  readonly undated: boolean;
  /** 32 hex digits over the canonical plaintext; see `identity.ts`. */
  readonly fingerprint: string;
}

export interface UsageEvent extends EventFields {
  readonly properties: PropertiesText | null;
}

/** The event as an envelope carries it: `sealed` is AES-256-GCM ciphertext and tag, base64. */
export interface SealedEvent extends EventFields {
  readonly sealed: string | null;
}
