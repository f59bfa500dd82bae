/** What the head of an envelope says of all its events. */
export interface EnvelopeHeader {
  readonly partition: number;
  /** 16 bytes. */
  readonly producerId: Buffer;
  readonly sequence: number;
  /** When ingest accepted the events. */
  readonly createdAtMs: number;
}
