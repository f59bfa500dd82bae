import type pg from 'pg';
import { invariant } from '../../errors.ts';
import { dayOf, formatDay } from '../../events/calendar.ts';
import { keyEventsMax, listedQuartersMax, readAnswerTimeoutMs } from '../../limits.ts';
import { partitionOf, shardOf } from '../../log/routing.ts';
import type { CountedEvent, EventLookup, EventsBefore, EventsPage, EventsQuery } from '../event-lookup.ts';
import { type EventRow, fromRowEvent } from './event-row.ts';
import { execute } from './execute.ts';
import { readPlaceStates } from './place-states.ts';
import type { ReadingPool } from './reader-pool.ts';
import { toSafeInteger } from './row-values.ts';
import { loadSql } from './sql.ts';
import { acrossTenants, asTenant } from './tenant.ts';

const findByKeys = loadSql('find-by-keys');
const findKey = loadSql('find-key');
const findKeyConflicts = loadSql('find-key-conflicts');
const findQuarters = loadSql('find-quarters');
const listEvents = loadSql('list-events');
const secondMs = 1000;

export interface EventLookupSettings {
  /** Of the reader login, in shard order; whoever made them closes them. */
  readonly pools: readonly ReadingPool[];
  readonly partitions: number;
}

interface ConflictRow {
  readonly partition: number;
  readonly generation: number;
  readonly offset: string;
  readonly index: number;
  readonly day: number;
  readonly first_day: number;
  readonly at_us: string;
}

interface QuarterRow {
  /** Seconds since 1970. */
  readonly second: string;
  readonly count: string;
}

/** Reads single events from the home shards. */
export function createEventLookup({ pools, partitions }: EventLookupSettings): EventLookup {
  const homeOf = (partition: number): ReadingPool => {
    const pool = pools[shardOf(partition)];
    invariant(pool !== undefined, 'there is no shard to read');
    return pool;
  };
  const asOrganization = <T>(organization: string, read: (client: pg.ClientBase) => Promise<T>) =>
    asTenant(homeOf(partitionOf(organization, partitions)), organization, read);
  return {
    placesOf: (partition, places) =>
      acrossTenants(homeOf(partition), (client) => readPlaceStates(client, partition, places)),
    countedByKeys: (organization, { keyHashes, days }) =>
      asOrganization(organization, (client) =>
        readEvents(client, findByKeys, [keyHashes, days.map(formatDay)]),
      ),
    ofKey: ({ organization, keyHash, startDay, endDay }) =>
      asOrganization(organization, async (client) => {
        const days = [orNull(startDay), orNull(endDay)];
        const events = await readEvents(client, findKey, [keyHash, ...days, keyEventsMax]);
        const values = [organization, keyHash, ...days, keyEventsMax];
        const found = await execute<ConflictRow>(client, findKeyConflicts, values, readAnswerTimeoutMs);
        const conflicts = found.rows.map(({ offset, first_day: firstDay, at_us: atUs, ...row }) => {
          return { ...row, organization, keyHash, firstDay, atUs, offset: toSafeInteger(offset) };
        });
        return { events, conflicts };
      }),
    list: (query) =>
      asOrganization(query.organization, (client) =>
        listPage(client, partitionOf(query.organization, partitions), query),
      ),
  };
}

async function readEvents(
  client: pg.ClientBase,
  text: string,
  values: readonly unknown[],
): Promise<readonly CountedEvent[]> {
  return (await execute<EventRow>(client, text, values, readAnswerTimeoutMs)).rows.map(fromRowEvent);
}

/** Totals say which quarter hours hold events, and how many, so only those are looked into, newest first. */
async function listPage(client: pg.ClientBase, partition: number, query: EventsQuery): Promise<EventsPage> {
  const { organization, startDay, endDay, metric = null, before, limit } = query;
  const bounds = [formatDay(startDay), formatDay(endDay), metric, before?.eventTimeMs ?? null];
  const values = [partition, organization, ...bounds, listedQuartersMax + 1];
  const found = await execute<QuarterRow>(client, findQuarters, values, readAnswerTimeoutMs);
  const { seconds, next } = quartersOf(found.rows, limit, before);
  if (seconds.length === 0) return { events: [], next: null };
  const days = seconds.map((second) => formatDay(dayOf(second * secondMs)));
  const place = [before?.eventTimeMs ?? null, before?.offset ?? 0, before?.index ?? 0];
  const events = await readEvents(client, listEvents, [
    ...[organization, seconds, days, metric],
    ...place,
    limit + 1,
  ]);
  if (events.length <= limit) return { events, next };
  const page = events.slice(0, limit);
  const { eventTimeMs, offset, index } = page.at(-1) ?? { eventTimeMs: 0, offset: 0, index: 0 };
  return { events: page, next: { eventTimeMs, offset, index } };
}

/**
 * The quarter hours that hold a page and one event more, and where a page goes on that is not full because others follow.
 * Of the quarter in which the page begins, any part may have been given out.
 */
function quartersOf(
  rows: readonly QuarterRow[],
  limit: number,
  before: EventsBefore | undefined,
): { readonly seconds: readonly number[]; readonly next: EventsBefore | null } {
  const seconds: number[] = [];
  let certain = 0;
  for (const { second, count } of rows.slice(0, listedQuartersMax)) {
    const start = toSafeInteger(second);
    seconds.push(start);
    if (before === undefined || before.eventTimeMs >= (start + quarterSeconds) * secondMs)
      certain += toSafeInteger(count);
    if (certain > limit) break;
  }
  const oldest = seconds.at(-1);
  const rest = oldest !== undefined && seconds.length < rows.length;
  return {
    seconds,
    next: rest ? { eventTimeMs: oldest * secondMs, offset: null, index: null } : null,
  };
}

const quarterSeconds = 900;

function orNull(day: number | undefined): string | null {
  return day === undefined ? null : formatDay(day);
}
