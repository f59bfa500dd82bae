/** What a request holds once its shape is checked; what depends on caller and clock is checked after this. */
import type { EventContent, PropertiesText } from '../../shared/events/usage-event.ts';

/** An event whose every field is within its limits. */
export interface Candidate extends Pick<EventContent, 'organization' | 'metric' | 'quantity' | 'dimensions'> {
  readonly index: number;
  /** null: the client gave none. */
  readonly idempotencyKey: string | null;
  readonly eventTimeMs: number | null;
  readonly properties: PropertiesText | null;
}

/** Why one event of a request is not accepted. */
export interface Rejection {
  readonly index: number;
  readonly code: string;
  readonly field: string;
  readonly message: string;
}

export function isRejection(item: Candidate | Rejection): item is Rejection {
  return 'code' in item;
}
