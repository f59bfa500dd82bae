/** An event as a record holds it. */
export interface LoggedEvent {
  readonly organization: string;
  readonly metric: string;
  /** Canonical text, empty without any. */
  readonly dimensions: string;
  readonly quantity: string;
  readonly key: string;
  readonly eventTimeMs: number;
  readonly undated: boolean;
  readonly fingerprint: string;
  readonly sealed: string | null;
}
