/** What one organization can send. All of it goes through one partition, and a partition is read by one poller. */
import { assumptions, logBytesPerEvent } from './assumptions.ts';

/** An event poller reads 5 MB/s; a partition of an Express broker takes 15. */
const pollerBytesPerSecond = 5e6;
const partitionBytesPerSecond = 15e6;

export interface OrganizationCeiling {
  /** Counted in a second or two. */
  readonly eventsPerMinute: number;
  /** Accepted, and counted later from the log itself, which the flusher reads where the poller is behind. */
  readonly acceptedPerMinute: number;
}

/** The ceiling at batches of 100; it is the same for every profile with one poller a partition at most. */
export function organizationCeiling(): OrganizationCeiling {
  const bytes = logBytesPerEvent(assumptions.ceilingBatch);
  const perMinute = (bytesPerSecond: number) => (bytesPerSecond / bytes) * 60;
  return {
    eventsPerMinute: perMinute(pollerBytesPerSecond),
    acceptedPerMinute: perMinute(partitionBytesPerSecond),
  };
}
