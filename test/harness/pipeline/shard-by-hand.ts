/**
 * Rows of a shard written by hand: a test says of every event of a log whether it counts, and this writes what
 * a flusher would have written, with a session that no policy binds.
 */
import { createHash } from 'node:crypto';
import type pg from 'pg';
import { inSession } from '../../../localstack/servers/postgres-session.ts';
import { keyHash } from '../../../shared/events/identity.ts';
import { chainStart, commitHash } from '../../../shared/ledger/commit-hash.ts';
import { digestOfConflicts, digestOfQuarantine } from '../../../shared/ledger/kept-digests.ts';
import { dayMs, quarterHourMs } from '../../../shared/limits.ts';
import type { CopyRow } from '../../../shared/segments/copy-row.ts';
import type { LoggedEvent } from '../../recount/envelope.ts';
import { dayRows } from '../builders/ledger.ts';

export type Fate = 'counts' | 'duplicate' | 'conflict';

/** One record of the log and what becomes of it. */
export type HandRecord =
  | { readonly foreign: Buffer }
  | {
      readonly value: Buffer;
      readonly createdAtMs: number;
      readonly events: readonly (readonly [LoggedEvent, Fate])[];
    };

interface Place {
  readonly partition: number;
  readonly offset: number;
  readonly index: number;
}

/** Commits one range per list of records, from offset 0 on. */
export async function writeByHand(
  url: string,
  partition: number,
  ranges: readonly (readonly HandRecord[])[],
): Promise<void> {
  await inSession(url, async (client) => {
    let from = 0;
    let previous: Buffer = chainStart;
    for (const [position, records] of ranges.entries()) {
      previous = await writeRange(client, { partition, from, sequence: position + 1, previous }, records);
      from += records.length;
    }
  });
}

/** Where a range begins, and the hash of the commit before it. */
interface RangeStart {
  readonly partition: number;
  readonly from: number;
  readonly sequence: number;
  readonly previous: Buffer;
}

/** Writes one range and its commit; answers the commit's hash. */
async function writeRange(
  client: pg.Client,
  start: RangeStart,
  records: readonly HandRecord[],
): Promise<Buffer> {
  const { partition, from } = start;
  for (const [i, record] of records.entries())
    await writeRecord(client, { partition, offset: from + i }, record);
  const hash = await addCommit(client, start, records);
  await moveProgress(client, { partition, to: from + records.length }, records.at(-1));
  return hash;
}

async function writeRecord(
  client: pg.Client,
  at: { readonly partition: number; readonly offset: number },
  record: HandRecord,
): Promise<void> {
  if ('foreign' in record) return quarantine(client, { ...at, index: -1 }, record.foreign);
  for (const [index, [event, fate]] of record.events.entries()) {
    if (fate === 'conflict') await addConflict(client, { ...at, index }, event);
    if (fate === 'counts') await insertEvent(client, { ...at, index }, event, record.createdAtMs);
  }
}

async function addCommit(
  client: pg.Client,
  { partition, from, sequence, previous }: RangeStart,
  records: readonly HandRecord[],
): Promise<Buffer> {
  const commit = {
    partition,
    sequence,
    generation: 1,
    from,
    to: from + records.length,
    ...countsOf(records),
    quarantined: 0,
    writeStatements: 5,
    segmentVersion: 1,
    mapVersion: 1,
    source: 'log',
    days: daysOf({ partition, from }, records),
    decidedBy: null,
    decidedWhy: null,
    committedAtMs: Date.UTC(2026, 10, 23),
    ...keptOf(from, records),
  };
  const hash = commitHash(previous, commit);
  const { to, seen, inserted, duplicate, foreign } = commit;
  await client.query(
    `insert into commit_ledger (partition, sequence, generation, from_offset, to_offset, records, seen, inserted,
       duplicate, quarantined, foreign_records, write_statements, segment_version, map_version, source, days,
       previous_hash, hash, committed_at, conflicts, quarantine_digest, conflicts_digest)
     values ($1, $2, 1, $3, $4, $5, $6, $7, $8, 0, $9, 5, 1, 1, 'log', $10::jsonb, $11, $12, to_timestamp($13), $14, $15, $16)`,
    [partition, sequence, from, to, records.length, seen, inserted, duplicate, foreign]
      .map((value): unknown => value)
      .concat(JSON.stringify(commit.days), previous, hash, commit.committedAtMs / 1000)
      .concat(commit.conflicts, commit.quarantineDigest, commit.conflictsDigest),
  );
  return hash;
}

/** The digests of what `writeRecord` keeps aside, and how many conflicts are among it. */
function keptOf(from: number, records: readonly HandRecord[]) {
  const refusals = records.flatMap((record, i) => {
    if (!('foreign' in record)) return [];
    return [{ offset: from + i, index: -1, code: 'foreign_magic', bytes: record.foreign.toString('base64') }];
  });
  const conflicts = records.flatMap((record, i) =>
    'foreign' in record
      ? []
      : record.events.flatMap(([event, fate], index) => {
          const { organization, key, fingerprint } = event;
          const day = Math.floor(event.eventTimeMs / dayMs);
          const first = { firstDay: day, firstOffset: 0, firstIndex: 0, firstFingerprint: fingerprint };
          const place = { offset: from + i, index, day, keyHash: keyHash(organization, key) };
          return fate === 'conflict' ? [{ organization, fingerprint, ...place, ...first }] : [];
        }),
  );
  return {
    conflicts: conflicts.length,
    quarantineDigest: digestOfQuarantine(refusals),
    conflictsDigest: digestOfConflicts(conflicts),
  };
}

async function moveProgress(
  client: pg.Client,
  { partition, to }: { readonly partition: number; readonly to: number },
  last: HandRecord | undefined,
): Promise<void> {
  const value = last !== undefined && ('foreign' in last ? last.foreign : last.value);
  await client.query(
    'update partition_progress set next_offset = $2, record_hash = $3 where partition = $1',
    [partition, to, value === false ? null : createHash('sha256').update(value).digest()],
  );
}

function countsOf(records: readonly HandRecord[]) {
  const fates = records.flatMap((record) =>
    'foreign' in record ? [] : record.events.map(([, fate]) => fate),
  );
  const inserted = fates.filter((fate) => fate === 'counts').length;
  const foreign = records.filter((record) => 'foreign' in record).length;
  return { seen: fates.length, inserted, duplicate: fates.length - inserted, foreign };
}

/** What counts, by day, in the order of the days; inside a day in the order of the log. */
function daysOf({ partition, from }: Pick<RangeStart, 'partition' | 'from'>, records: readonly HandRecord[]) {
  const counted = records.flatMap((record, i) =>
    'foreign' in record
      ? []
      : record.events.flatMap(([event, fate], index) => {
          const place = { partition, offset: from + i, index };
          return fate === 'counts' ? [rowOf(event, place, record.createdAtMs)] : [];
        }),
  );
  return [...Map.groupBy(counted, ({ day }) => day)]
    .sort(([one], [other]) => one - other)
    .map(([day, rows]) => {
      const { count, digest, sums } = dayRows(rows);
      return { day: new Date(day * dayMs).toISOString().slice(0, 10), count, digest, sums };
    });
}

/** The row that `insertEvent` inserts. */
function rowOf(event: LoggedEvent, place: Place, createdAtMs: number): CopyRow {
  const { organization, key, eventTimeMs } = event;
  return {
    ...event,
    ...place,
    createdAtMs,
    idempotencyKey: key,
    keyHash: keyHash(organization, key),
    day: Math.floor(eventTimeMs / dayMs),
    shard: place.partition,
    properties: null,
  };
}

async function insertEvent(
  client: pg.Client,
  place: Place,
  event: LoggedEvent,
  createdAtMs: number,
): Promise<void> {
  const { organization, metric, quantity, key, eventTimeMs } = event;
  await client.query('select make_usage_day($1::date)', [dateOf(event)]);
  await client.query(
    `insert into usage_events (key_hash, fingerprint, "offset", index, undated, event_day, event_time, created_at,
       shard_id, partition, quantity, organization_id, metric_name, idempotency_key)
     values ($1::uuid, $2::uuid, $3, $4, $5, $6::date, to_timestamp($7::numeric / 1000),
       to_timestamp($8::numeric / 1000), $9, $9, $10::numeric, $11, $12, $13)`,
    [keyHash(organization, key), event.fingerprint, place.offset, place.index, event.undated, dateOf(event)]
      .map((value): unknown => value)
      .concat(eventTimeMs, createdAtMs, place.partition, quantity, organization, metric, key),
  );
  await client.query(
    `insert into usage_rollups as r (partition, organization_id, metric_name, quarter, total, event_count)
     values ($1, $2, $3, to_timestamp($4), $5::numeric, 1)
     on conflict (partition, organization_id, metric_name, quarter)
     do update set total = r.total + excluded.total, event_count = r.event_count + 1`,
    [
      place.partition,
      organization,
      metric,
      (Math.floor(eventTimeMs / quarterHourMs) * quarterHourMs) / 1000,
      quantity,
    ],
  );
}

async function quarantine(
  client: pg.Client,
  { partition, offset, index }: Place,
  bytes: Buffer,
): Promise<void> {
  await client.query(
    `insert into quarantine (partition, generation, "offset", index, code, bytes)
     values ($1, 1, $2, $3, 'foreign_magic', $4)`,
    [partition, offset, index, bytes],
  );
}

async function addConflict(
  client: pg.Client,
  { partition, offset, index }: Place,
  event: LoggedEvent,
): Promise<void> {
  const { organization, key, fingerprint } = event;
  await client.query(
    `insert into usage_conflicts (partition, generation, "offset", index, organization_id, key_hash, event_day,
       fingerprint, first_day, first_offset, first_index, first_fingerprint)
     values ($1, 1, $2, $3, $4, $5::uuid, $6::date, $7::uuid, $6::date, 0, 0, $7::uuid)`,
    [partition, offset, index, organization, keyHash(organization, key), dateOf(event), fingerprint],
  );
}

function dateOf(event: LoggedEvent): string {
  return new Date(event.eventTimeMs).toISOString().slice(0, 10);
}
