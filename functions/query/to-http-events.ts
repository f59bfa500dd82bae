/** The routes about single events: receipts, lists, and what is kept aside. */
import type { Caller } from '../../shared/callers/caller.ts';
import { keyHash } from '../../shared/events/identity.ts';
import { problem } from '../../shared/http/problem.ts';
import type { HttpAnswer, HttpRequest } from '../../shared/http/stack.ts';
import type { EventLookup, EventsPage, KeptAside, KeptPlace } from '../../shared/ledger/event-lookup.ts';
import type { EventLogReader } from '../../shared/log/event-log.ts';
import type { Receipts } from '../../shared/log/receipt.ts';
import { partitionOf, shardOf } from '../../shared/log/routing.ts';
import { findFates } from './find-fates.ts';
import { findRestamped } from './find-restamped.ts';
import {
  fromHttpEntry,
  keptParameters,
  toHttpConflicts,
  toHttpEntry,
  toHttpQuarantine,
} from './from-http-kept-aside.ts';
import {
  fromHttpKey,
  fromHttpList,
  namesKey,
  parseQuery,
  toCursor,
  toHttpKeyConflict,
} from './from-http-listed-events.ts';
import { fromHttpReceipts, toHttpFates, toHttpOneFate } from './from-http-receipts.ts';
import { type KeptPage, listKeptAside } from './list-kept-aside.ts';
import { toHttpCounted } from './to-http-fate.ts';

export interface EventPorts {
  readonly receipts: Receipts;
  readonly lookup: Pick<EventLookup, 'placesOf' | 'countedByKeys' | 'ofKey' | 'list'>;
  /** In shard order. */
  readonly keptAside: readonly KeptAside[];
  readonly log: Pick<EventLogReader, 'read' | 'bounds'>;
  readonly partitions: number;
}

type Answer = (request: HttpRequest) => Promise<HttpAnswer>;

/** By route key. */
export function eventRoutes(ports: EventPorts): Readonly<Record<string, Answer>> {
  return {
    'GET /api/v1/receipts/{receipt}': (request) => oneReceipt(ports, request),
    'POST /api/v1/receipts': (request) => manyReceipts(ports, request),
    'GET /api/v1/usage/events': (request) =>
      namesKey(request.event) ? eventsOfKey(ports, request) : listEvents(ports, request),
    'GET /api/v1/usage/restamped': (request) => restamped(ports, request),
    'GET /api/v1/conflicts': (request) =>
      keptPage(ports, request, {
        list: (kept, ...page) => kept.conflicts(...page),
        toHttp: toHttpConflicts,
      }),
    'GET /api/v1/quarantine': (request) =>
      keptPage(ports, request, {
        list: (kept, ...page) => kept.quarantined(...page),
        toHttp: toHttpQuarantine,
      }),
    'GET /api/v1/quarantine/{entry}': (request) => quarantineEntry(ports, request),
  };
}

const readRequired: HttpAnswer = {
  problem: problem(403, 'scope_required', 'The caller needs the scope read.'),
};

/** What is kept aside is of all organizations, and a record that is not ours is of none: so its reader may reach all. */
function keptAsideProblem({ scopes, organizations }: Caller): HttpAnswer | null {
  if (!scopes.has('admin'))
    return { problem: problem(403, 'scope_required', 'The caller needs the scope admin.') };
  if (organizations === 'all') return null;
  const detail = 'What is kept aside is of all organizations, and the caller may not read all of them.';
  return { problem: problem(403, 'organization_not_allowed', detail) };
}

async function oneReceipt(ports: EventPorts, { event, caller }: HttpRequest): Promise<HttpAnswer> {
  if (!caller.scopes.has('read')) return readRequired;
  const { receipt = '' } = event.pathParameters ?? {};
  const [found = null] = await findFates(ports, caller, [receipt]);
  return toHttpOneFate(receipt, found, ports.receipts);
}

async function manyReceipts(ports: EventPorts, { event, caller }: HttpRequest): Promise<HttpAnswer> {
  if (!caller.scopes.has('read')) return readRequired;
  const reading = fromHttpReceipts(event);
  if (!reading.ok) return { problem: reading.problem };
  return toHttpFates(reading.receipts, await findFates(ports, caller, reading.receipts), ports.receipts);
}

async function eventsOfKey(ports: EventPorts, { event, caller }: HttpRequest): Promise<HttpAnswer> {
  const reading = fromHttpKey(event, caller);
  if (!reading.ok) return { problem: reading.problem };
  const { organization, idempotencyKey, startDay, endDay } = reading.request;
  const query = { organization, keyHash: keyHash(organization, idempotencyKey), startDay, endDay };
  const found = await ports.lookup.ofKey(query);
  return {
    status: 200,
    body: {
      organization_id: organization,
      idempotency_key: idempotencyKey,
      events: found.events.map((one) => toHttpCounted(one, ports.receipts)),
      conflicts: found.conflicts.map(toHttpKeyConflict),
    },
  };
}

async function listEvents(ports: EventPorts, { event, caller }: HttpRequest): Promise<HttpAnswer> {
  const reading = fromHttpList(event, caller, ports.receipts);
  if (!reading.ok) return { problem: reading.problem };
  const { organization } = reading.request;
  const { events, next } = await ports.lookup.list(reading.request);
  const body = {
    organization_id: organization,
    events: events.map((one) => toHttpCounted(one, ports.receipts)),
    ...nextCursor(ports, organization, next),
  };
  return { status: 200, body };
}

async function restamped(ports: EventPorts, { event, caller }: HttpRequest): Promise<HttpAnswer> {
  const reading = fromHttpList(event, caller, ports.receipts);
  if (!reading.ok) return { problem: reading.problem };
  const { organization } = reading.request;
  const { suspects, next } = await findRestamped(ports.lookup, reading.request);
  const answers = suspects.map((suspect) => ({
    event: toHttpCounted(suspect.event, ports.receipts),
    day_before: toHttpCounted(suspect.dayBefore, ports.receipts),
  }));
  const body = { organization_id: organization, suspects: answers, ...nextCursor(ports, organization, next) };
  return { status: 200, body };
}

function nextCursor(
  { partitions, receipts }: EventPorts,
  organization: string,
  next: EventsPage['next'],
): { readonly next_cursor?: string } {
  if (next === null) return {};
  const partition = partitionOf(organization, partitions);
  return { next_cursor: toCursor(next, { organization, partition, receipts }) };
}

/** A page of all shards' lists of one kind. */
async function keptPage<Entry extends KeptPlace>(
  { keptAside }: EventPorts,
  { event, caller }: HttpRequest,
  kind: {
    readonly list: (kept: KeptAside, before: KeptPlace | null, rowsMax: number) => Promise<readonly Entry[]>;
    readonly toHttp: (page: KeptPage<Entry>) => HttpAnswer;
  },
): Promise<HttpAnswer> {
  const refused = keptAsideProblem(caller);
  if (refused !== null) return refused;
  const reading = parseQuery(keptParameters, event);
  if (!reading.ok) return { problem: reading.problem };
  const { cursor = null, limit } = reading.request;
  const sources = keptAside.map((kept) => {
    return { shard: kept.shard, list: (rowsMax: number) => kind.list(kept, cursor, rowsMax) };
  });
  return kind.toHttp(await listKeptAside(sources, limit));
}

async function quarantineEntry(
  { keptAside }: EventPorts,
  { event, caller }: HttpRequest,
): Promise<HttpAnswer> {
  const refused = keptAsideProblem(caller);
  if (refused !== null) return refused;
  const place = fromHttpEntry(event.pathParameters?.['entry'] ?? '');
  const home = place === null ? undefined : keptAside[shardOf(place.partition)];
  if (place === null || home === undefined) return toHttpEntry(null);
  return toHttpEntry(await home.quarantinedAt(place));
}
