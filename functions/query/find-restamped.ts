/**
 * The use case: keys that count on two days that follow each other. Each may be one event whose retry was given another
 * timestamp, and so be billed twice; only its sender can know.
 */
import type { CountedEvent, EventLookup, EventsPage, EventsQuery } from '../../shared/ledger/event-lookup.ts';

/** The later of two events, and the one of the day before. */
export interface RestampedSuspect {
  readonly event: CountedEvent;
  readonly dayBefore: CountedEvent;
}

/** Looks through one page of events; it may hold no suspect and have a next one. */
export async function findRestamped(
  lookup: Pick<EventLookup, 'list' | 'countedByKeys'>,
  query: EventsQuery,
): Promise<{ readonly suspects: readonly RestampedSuspect[]; readonly next: EventsPage['next'] }> {
  const { events, next } = await lookup.list(query);
  if (events.length === 0) return { suspects: [], next };
  const earlier = await lookup.countedByKeys(query.organization, {
    keyHashes: [...new Set(events.map(({ keyHash }) => keyHash))],
    days: [...new Set(events.map(({ day }) => day - 1))],
  });
  const byDay = new Map(earlier.map((event) => [`${event.keyHash}/${event.day}`, event]));
  const suspects = events.flatMap((event) => {
    const dayBefore = byDay.get(`${event.keyHash}/${event.day - 1}`);
    return dayBefore === undefined ? [] : [{ event, dayBefore }];
  });
  return { suspects, next };
}
