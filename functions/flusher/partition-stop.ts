/** The partition waits for something that ends by itself: a broker, a delivery, fresh metadata. */
export interface Waits {
  readonly kind: 'waits';
  readonly reason: string;
}

/** Its next record is one that this code does not count: a newer envelope, or one that a bug of ours made. */
interface WaitsForCode {
  readonly kind: 'waits-for-code';
  readonly reason: string;
}

/** An operator decides how it goes on (U7); `code` is a stable word for it. */
export interface Halts {
  readonly kind: 'halts';
  readonly code: string;
  readonly reason: string;
}

/** Its progress is another flusher's, or was halted meanwhile. */
export interface Fenced {
  readonly kind: 'fenced';
}

/** Why a pass commits no more of a partition although there is more. */
export type PartitionStop = Waits | WaitsForCode | Halts | Fenced;
