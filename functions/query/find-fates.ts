/**
 * The use case: what became of the events that receipts name.
 *
 *   shard says     log says                          fate
 *   counted        not asked                         counted
 *   conflict       the event, or nothing any more    conflict
 *   conflict       another record                    lost
 *   quarantined    not asked                         quarantined
 *   skipped        not asked                         skipped: an operator gave the records up
 *   uncommitted    the event                         in_flight
 *   uncommitted    another record, or removed it     lost
 *   uncommitted    nothing yet                       in_flight
 *   not here       the event                         duplicate; closed, if its day is
 *   not here       another record                    lost, or closed, if rows of that commit may be gone
 *   not here       nothing any more, or another log  not_counted, or closed
 *   any that asks  no answer                         undetermined; a conflict without its fields
 *
 * What is kept aside under the name of another organization than the receipt's is another event too: lost.
 *
 * A receipt of an organization that the caller may not reach is answered as one that nobody gave out (U10).
 */
import { type Caller, mayReach } from '../../shared/callers/caller.ts';
import { dayOf } from '../../shared/events/calendar.ts';
import { keyHash } from '../../shared/events/identity.ts';
import type { SealedEvent } from '../../shared/events/usage-event.ts';
import type { CommitName, CountedEvent, EventLookup, PlaceState } from '../../shared/ledger/event-lookup.ts';
import type { EventLogReader, LogBounds } from '../../shared/log/event-log.ts';
import type { EventPlace, Receipts } from '../../shared/log/receipt.ts';
import { shardOf } from '../../shared/log/routing.ts';
import { fromRefusedBytes } from '../../shared/segments/refused-event.ts';
import { type ConflictFields, conflictFields } from './conflict-fields.ts';
import { type LoggedEvent, readLogPlaces, unlessUnavailable } from './read-log-places.ts';

export interface FatePorts {
  readonly receipts: Pick<Receipts, 'openReceipt' | 'markOf'>;
  readonly lookup: Pick<EventLookup, 'placesOf' | 'countedByKeys'>;
  readonly log: Pick<EventLogReader, 'read' | 'bounds'>;
}

export type Fate =
  | { readonly kind: 'counted' | 'skipped' | 'not_counted' | 'closed'; readonly commit: CommitName }
  | { readonly kind: 'quarantined'; readonly commit: CommitName; readonly code: string }
  | { readonly kind: 'in_flight' | 'lost' | 'undetermined' }
  | {
      readonly kind: 'duplicate';
      readonly commit: CommitName;
      /** null: its day is closed, or what counts cannot be looked up. */
      readonly first: CountedEvent | null;
    }
  | {
      readonly kind: 'conflict';
      readonly commit: CommitName;
      readonly first: CountedEvent | null;
      readonly fields: ConflictFields | null;
    };

/** A receipt that was given out, and what became of its event. */
export interface FoundFate {
  readonly acceptedAtMs: number;
  /** null: of one of the caller's organizations, and it is no longer known of which. */
  readonly organization: string | null;
  readonly fate: Fate;
}

/** One receipt on its way to an answer. */
interface Asked {
  readonly place: EventPlace;
  /** By the mark, if the caller has a list of organizations. */
  readonly marked: string | null;
  /** `replaced`: what the shard has at the place is of another event. */
  readonly state: PlaceState | { readonly kind: 'replaced' };
  /** `unread`: not asked for, or the log did not answer; null: the log does not hold the offset. */
  readonly logged: LoggedEvent | 'unread' | null;
}

/** The fate of each receipt, in the order asked; null for one that was never given out to somebody of this caller's. */
export async function findFates(
  ports: FatePorts,
  caller: Caller,
  receipts: readonly string[],
): Promise<readonly (FoundFate | null)[]> {
  const opened = openAll(ports.receipts, caller, receipts);
  const asked = await askShards(ports.lookup, opened);
  const read = await askLog(ports.log, asked);
  const bounds = await boundsFor(ports.log, read);
  const known = read.map((one) => withOrganization(atItsOwn(ports.receipts, one), caller, bounds));
  const firsts = await findFirsts(
    ports.lookup,
    known.filter((one) => one !== null),
  );
  const byPlace = new Map(known.flatMap((one) => (one === null ? [] : [[one.place, one] as const])));
  return opened.map((one) => {
    const found = one === null ? undefined : byPlace.get(one.place);
    if (found === undefined) return null;
    const { place, organization, draft } = found;
    return { acceptedAtMs: place.createdAtMs, organization, fate: complete(found, draft, firsts) };
  });
}

interface Opened {
  readonly place: EventPlace;
  readonly marked: string | null;
}

function openAll(
  receipts: FatePorts['receipts'],
  { organizations }: Caller,
  texts: readonly string[],
): readonly (Opened | null)[] {
  const own = organizations === 'all' ? null : [...organizations];
  const byMark = new Map(own?.map((organization) => [receipts.markOf(organization), organization]));
  return texts.map((text) => {
    const place = receipts.openReceipt(text);
    if (place === null) return null;
    if (own === null || place.organizationMark === null) return { place, marked: null };
    const marked = byMark.get(place.organizationMark);
    return marked === undefined ? null : { place, marked };
  });
}

async function askShards(
  lookup: FatePorts['lookup'],
  opened: readonly (Opened | null)[],
): Promise<readonly Asked[]> {
  const byPartition = Map.groupBy(
    opened.filter((one) => one !== null),
    ({ place }) => place.partition,
  );
  const asked = await inTurnOfShards([...byPartition.values()], async (ofPartition) => {
    const places = ofPartition.map(({ place }) => place);
    const states = await lookup.placesOf(places[0]?.partition ?? 0, places);
    return ofPartition.flatMap((one, i): readonly Asked[] => {
      const state = states[i];
      return state === undefined ? [] : [{ ...one, state, logged: 'unread' }];
    });
  });
  return asked.flat();
}

/** Asks every shard at once, and one after the other of one shard: a request takes one connection of each. */
async function inTurnOfShards<Group extends readonly { readonly place: EventPlace }[], Result>(
  groups: readonly Group[],
  ask: (group: Group) => Promise<Result>,
): Promise<readonly Result[]> {
  const byShard = Map.groupBy(groups, ([first]) => shardOf(first?.place.partition ?? 0));
  const asked = [...byShard.values()].map(async (ofShard) => {
    const results: Result[] = [];
    for (const group of ofShard) results.push(await ask(group));
    return results;
  });
  return (await Promise.all(asked)).flat();
}

/** One read of each record, for what the shards alone do not answer; where the log does not answer, nothing is known. */
async function askLog(log: FatePorts['log'], asked: readonly Asked[]): Promise<readonly Asked[]> {
  const wanted = asked.filter(({ state }) => needsRecord(state)).map(({ place }) => place);
  if (wanted.length === 0) return asked;
  const found = await readLogPlaces(log, wanted);
  return asked.map((one) => {
    const logged = found.get(one.place);
    return logged === undefined ? one : { ...one, logged };
  });
}

function needsRecord(state: Asked['state']): boolean {
  switch (state.kind) {
    case 'uncommitted':
    case 'conflict':
    case 'not_here':
      return true;
    case 'counted':
    case 'quarantined':
    case 'skipped':
    case 'replaced':
      return false;
  }
}

/** Where the log starts, if an event that is not committed is not in it. */
async function boundsFor(
  log: FatePorts['log'],
  asked: readonly Asked[],
): Promise<ReadonlyMap<number, LogBounds> | null> {
  const absent = asked.some(({ state, logged }) => state.kind === 'uncommitted' && logged === null);
  return absent ? await log.bounds().catch(unlessUnavailable) : new Map();
}

/** What is known before the winners are: a draft says where to look for one. */
type Draft =
  | Exclude<Fate, { kind: 'duplicate' | 'conflict' }>
  | { readonly kind: 'duplicate'; readonly commit: CommitName; readonly event: SealedEvent }
  | {
      readonly kind: 'conflict';
      readonly commit: CommitName;
      readonly event: SealedEvent | null;
      readonly keyHash: string;
      readonly firstDay: number;
    };

interface Known {
  readonly place: EventPlace;
  readonly organization: string | null;
  readonly draft: Draft;
}

/** What is kept aside at the place may be of another event, where the log gave the place out twice. */
function atItsOwn(receipts: FatePorts['receipts'], asked: Asked): Asked {
  const { place, state } = asked;
  const organization = organizationOf(state, null);
  const other =
    place.organizationMark !== null &&
    organization !== null &&
    receipts.markOf(organization) !== place.organizationMark;
  return other ? { ...asked, state: { kind: 'replaced' } } : asked;
}

/** Null where the event is of nobody that the caller may reach, or where that is not known. */
function withOrganization(
  asked: Asked,
  caller: Caller,
  bounds: ReadonlyMap<number, LogBounds> | null,
): Known | null {
  const { place, marked, state, logged } = asked;
  const event = eventOf(asked);
  const organization = marked ?? organizationOf(state, event);
  if (organization === null ? caller.organizations !== 'all' : !mayReach(caller, organization)) return null;
  const start = bounds?.get(place.partition)?.start;
  const draft = draftOf(asked, event, logged === null && start === undefined ? null : { start });
  return { place, organization, draft };
}

/** The event of the receipt as the log holds it; null where another is there, or none. */
function eventOf({ place, logged }: Asked): SealedEvent | null {
  if (logged === null || logged === 'unread') return null;
  return logged.createdAtMs === place.createdAtMs ? logged.event : null;
}

function organizationOf(state: Asked['state'], event: SealedEvent | null): string | null {
  if (state.kind === 'counted' || state.kind === 'conflict') return state.organization;
  if (state.kind !== 'quarantined') return event?.organization ?? null;
  const refused = state.bytes === null ? null : fromRefusedBytes(state.bytes);
  return refused?.organization ?? null;
}

function draftOf(
  { place, state, logged }: Asked,
  event: SealedEvent | null,
  log: { readonly start: number | undefined } | null,
): Draft {
  switch (state.kind) {
    case 'counted':
    case 'skipped':
      return { kind: state.kind, commit: state.commit };
    case 'quarantined':
      return { kind: 'quarantined', commit: state.commit, code: state.code };
    case 'replaced':
      return { kind: 'lost' };
    case 'conflict': {
      const { commit, keyHash: hash, firstDay } = state;
      const other = logged !== null && logged !== 'unread' && event === null;
      return other && state.ofPresentLog
        ? { kind: 'lost' }
        : { kind: 'conflict', commit, event, keyHash: hash, firstDay };
    }
    case 'uncommitted':
      if (logged === 'unread' || log === null) return { kind: 'undetermined' };
      if (logged !== null) return { kind: event === null ? 'lost' : 'in_flight' };
      return { kind: log.start !== undefined && place.offset < log.start ? 'lost' : 'in_flight' };
    case 'not_here': {
      const { commit, daysClosed, closedBefore, ofPresentLog } = state;
      if (event !== null) {
        const closed = closedBefore !== null && dayOf(event.eventTimeMs) < closedBefore;
        return closed ? { kind: 'closed', commit } : { kind: 'duplicate', commit, event };
      }
      if (daysClosed) return { kind: 'closed', commit };
      if (logged === 'unread') return { kind: 'undetermined' };
      // What another log holds at the place says nothing.
      return logged === null || !ofPresentLog ? { kind: 'not_counted', commit } : { kind: 'lost' };
    }
  }
}

/** The key of a draft's winner, and the days on which it may count, the first choice first. */
function winnerOf(draft: Draft): { readonly keyHash: string; readonly days: readonly number[] } | null {
  if (draft.kind === 'conflict') return { keyHash: draft.keyHash, days: [draft.firstDay] };
  if (draft.kind !== 'duplicate') return null;
  const { organization, idempotencyKey, eventTimeMs, undated } = draft.event;
  const day = dayOf(eventTimeMs);
  return {
    keyHash: keyHash(organization, idempotencyKey),
    days: undated ? [day, day - 1, day + 1] : [day],
  };
}

/** Counted events by key hash and day. */
type Firsts = ReadonlyMap<string, CountedEvent>;

async function findFirsts(lookup: FatePorts['lookup'], known: readonly Known[]): Promise<Firsts> {
  const wanted = known.flatMap(({ place, organization, draft }) => {
    const winner = winnerOf(draft);
    return winner === null || organization === null ? [] : [{ place, organization, ...winner }];
  });
  const byOrganization = Map.groupBy(wanted, ({ organization }) => organization);
  const events = await inTurnOfShards([...byOrganization.values()], (keys) =>
    lookup.countedByKeys(keys[0]?.organization ?? '', {
      keyHashes: [...new Set(keys.map((key) => key.keyHash))],
      days: [...new Set(keys.flatMap(({ days }) => days))],
    }),
  );
  return new Map(events.flat().map((event) => [firstKey(event), event]));
}

function firstKey({ keyHash: hash, day }: Pick<CountedEvent, 'keyHash' | 'day'>): string {
  return `${hash}/${day}`;
}

function complete({ place }: Known, draft: Draft, firsts: Firsts): Fate {
  const winner = winnerOf(draft);
  if (winner === null || (draft.kind !== 'duplicate' && draft.kind !== 'conflict')) {
    // A draft without a winner is a fate already.
    return draft as Exclude<Fate, { kind: 'duplicate' | 'conflict' }>;
  }
  const { commit } = draft;
  const candidates = winner.days.flatMap(
    (day) => firsts.get(firstKey({ keyHash: winner.keyHash, day })) ?? [],
  );
  // Only what was counted before it in the log made it a duplicate.
  const first = candidates.find((one) => isBefore(one, place, commit)) ?? null;
  if (draft.kind === 'duplicate') return { kind: 'duplicate', commit, first };
  const { event } = draft;
  const fields = event === null || first === null ? null : conflictFields(event, first);
  return { kind: 'conflict', commit, first, fields };
}

/** Offsets repeat in the generations of a partition, so the time of the commits decides first. */
// Same type: an event, a place and a commit have nothing in common.
function isBefore(one: CountedEvent, place: EventPlace, { committedAtMs }: CommitName): boolean {
  if (one.commit.committedAtMs !== committedAtMs) return one.commit.committedAtMs < committedAtMs;
  return one.offset < place.offset || (one.offset === place.offset && one.index < place.index);
}
