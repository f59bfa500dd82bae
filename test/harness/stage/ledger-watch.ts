/**
 * Shows the model what real shards committed: not what a flusher says of it, but the rows that are there. Whoever
 * committed, each commit is judged once, in the order of the ledger.
 */
import type pg from 'pg';
import { inSession } from '../../../localstack/servers/postgres-session.ts';
import type { Model } from '../../simulation/model.ts';
import type { CountedEvent, PartitionState, Total, Written } from '../../simulation/shard-state.ts';

export interface WatchedShard {
  /** Of a login that sees every row. */
  readonly url: string;
  readonly partitions: readonly number[];
}

interface ProgressRow {
  readonly partition: number;
  readonly next_offset: number;
  readonly record_hash: Buffer | null;
  readonly checked_ranges: number;
  readonly halt_code: string | null;
  readonly log_end: number | null;
  readonly observed_ms: number | null;
  readonly complete_ms: number | null;
}

interface EventRow {
  readonly partition: number;
  readonly key_hash: string;
  readonly fingerprint: string;
  readonly offset: number;
  readonly index: number;
  readonly day: number;
  readonly undated: boolean;
  readonly time_ms: number;
  readonly organization: string;
  readonly thousandths: number;
  readonly metric: string;
}

interface TotalRow {
  readonly partition: number;
  readonly name: string;
  readonly thousandths: number;
  readonly count: number;
}

interface CommitRow {
  readonly partition: number;
  readonly sequence: number;
  readonly from: number;
  readonly to: number;
  readonly seen: number;
  readonly inserted: number;
  readonly duplicate: number;
  readonly conflicts: number;
  readonly quarantined: number;
  readonly foreign: number;
  readonly refusals: number;
  readonly source: 'segments' | 'log';
}

const progressSql = `select partition, next_offset::float8 as next_offset, record_hash, checked_ranges, halt_code,
    log_end::float8 as log_end, (extract(epoch from observed_at) * 1000)::float8 as observed_ms,
    (extract(epoch from complete_through) * 1000)::float8 as complete_ms
  from partition_progress where partition = any ($1)`;
const eventsSql = `select partition, replace(key_hash::text, '-', '') as key_hash,
    replace(fingerprint::text, '-', '') as fingerprint, "offset"::float8 as offset, index,
    event_day - date '1970-01-01' as day, undated, (extract(epoch from event_time) * 1000)::float8 as time_ms,
    organization_id as organization, metric_name as metric, (quantity * 1000)::float8 as thousandths
  from usage_events where partition = any ($1)`;
const totalsSql = `select partition,
    organization_id || E'\\n' || metric_name || E'\\n' || (extract(epoch from quarter) / 900)::int as name,
    (total * 1000)::float8 as thousandths, event_count::float8 as count
  from usage_rollups where partition = any ($1)`;
const commitsSql = `select partition, sequence::float8 as sequence, from_offset::float8 as from,
    to_offset::float8 as to, seen::float8 as seen, inserted::float8 as inserted, duplicate::float8 as duplicate,
    conflicts, quarantined::float8 as quarantined, foreign_records::float8 as foreign, source,
    (select count(*)::float8 from quarantine q where q.partition = c.partition and q.generation = c.generation
      and q."offset" >= c.from_offset and q."offset" < c.to_offset) as refusals
  from commit_ledger c where partition = any ($1) order by partition, sequence`;

/** The rows of one moment. */
interface Rows {
  readonly progress: readonly ProgressRow[];
  readonly events: readonly EventRow[];
  readonly totals: readonly TotalRow[];
  readonly commits: readonly CommitRow[];
}

/** What of a partition the model has judged. */
interface Judged {
  readonly sequence: number;
  readonly nextOffset: number;
  readonly haltCode: string | null;
}

const nothing: Judged = { sequence: 0, nextOffset: 0, haltCode: null };

export class LedgerWatch {
  readonly #shards: readonly WatchedShard[];
  readonly #model: Model;
  readonly #judged = new Map<number, Judged>();
  #states: ReadonlyMap<number, PartitionState> = new Map();
  /** One look after another, whoever asks. */
  #looking: Promise<unknown> = Promise.resolve();

  constructor(shards: readonly WatchedShard[], model: Model) {
    this.#shards = shards;
    this.#model = model;
  }

  /** `by`: whose commits they are, as far as it is known; another may have read the log at any time. */
  look(by: Written['by']): Promise<void> {
    const look = this.#looking.then(() => this.#look(by));
    this.#looking = look.catch(() => undefined);
    return look;
  }

  /** As of the last look. */
  get states(): ReadonlyMap<number, PartitionState> {
    return this.#states;
  }

  async #look(by: Written['by']): Promise<void> {
    const states = new Map<number, PartitionState>();
    const read = this.#shards.map(({ url, partitions }) =>
      inSession(url, (client) => readRows(client, partitions)),
    );
    for (const rows of await Promise.all(read)) {
      for (const progress of rows.progress) {
        const { partition } = progress;
        const ofPartition = {
          events: rows.events.filter((row) => row.partition === partition),
          totals: rows.totals.filter((row) => row.partition === partition),
          commits: rows.commits.filter((row) => row.partition === partition),
        };
        states.set(partition, stateOf(progress, ofPartition.events, totalsOf(ofPartition.totals)));
        this.#judge(progress, ofPartition, by);
      }
    }
    this.#states = states;
  }

  #judge(progress: ProgressRow, rows: Omit<Rows, 'progress'>, by: Written['by']): void {
    const { partition } = progress;
    let known = this.#judged.get(partition) ?? nothing;
    for (const commit of rows.commits.filter(({ sequence }) => sequence > known.sequence)) {
      const last = commit === rows.commits.at(-1);
      const before = { ...progress, next_offset: known.nextOffset, halt_code: known.haltCode };
      const written = writtenOf(commit, last ? progress.record_hash : null, { by, events: rows.events });
      this.#model.committing(written, stateOf(before, [], new Map()));
      const until = rows.events.filter(({ offset }) => offset < commit.to);
      // Sums are kept as of now alone, so below the last commit they are those of the rows.
      const totals = last ? totalsOf(rows.totals) : sumsOf(until);
      this.#model.committed(written, stateOf(progress, until, totals));
      known = { ...known, sequence: commit.sequence, nextOffset: commit.to };
    }
    if (progress.next_offset !== known.nextOffset)
      this.#model.fail(
        `partition ${partition} is at ${progress.next_offset} and its ledger at ${known.nextOffset}`,
      );
    if (known.haltCode === null && progress.halt_code !== null)
      this.#model.halted(partition, progress.halt_code);
    this.#judged.set(partition, { ...known, haltCode: progress.halt_code });
  }
}

async function readRows(client: pg.Client, partitions: readonly number[]): Promise<Rows> {
  await client.query('begin isolation level repeatable read read only');
  const ask = async <Row extends pg.QueryResultRow>(sql: string) =>
    (await client.query<Row>(sql, [partitions])).rows;
  return {
    progress: await ask<ProgressRow>(progressSql),
    events: await ask<EventRow>(eventsSql),
    totals: await ask<TotalRow>(totalsSql),
    commits: await ask<CommitRow>(commitsSql),
  };
}

function writtenOf(
  commit: CommitRow,
  recordHash: Buffer | null,
  { by, events }: { readonly by: Written['by']; readonly events: readonly EventRow[] },
): Written {
  const { partition, from, to, refusals, ...record } = commit;
  return {
    partition,
    by,
    move: { from, to, recordHash: recordHash ?? Buffer.alloc(0), checkedRanges: 0, closedBefore: null },
    events: events.filter(({ offset }) => offset >= from && offset < to).map(countedOf),
    rollups: [],
    refusals,
    conflicts: commit.conflicts,
    record: { ...record, segmentVersion: 0, days: [] },
  };
}

function countedOf(row: EventRow): CountedEvent {
  const { key_hash: keyHash, time_ms: eventTimeMs, ...rest } = row;
  return { ...rest, keyHash, eventTimeMs };
}

function stateOf(
  row: ProgressRow,
  events: readonly EventRow[],
  totals: PartitionState['totals'],
): PartitionState {
  return {
    nextOffset: row.next_offset,
    recordHash: row.record_hash,
    checkedRanges: row.checked_ranges,
    haltCode: row.halt_code,
    logEnd: row.log_end,
    observedAtMs: row.observed_ms,
    completeThroughMs: row.complete_ms,
    events: new Map(events.map((event) => [`${event.day} ${event.key_hash}`, countedOf(event)])),
    totals,
  };
}

function totalsOf(rows: readonly TotalRow[]): Map<string, Total> {
  return new Map(rows.map(({ name, thousandths, count }) => [name, { thousandths, count }]));
}

function sumsOf(events: readonly EventRow[]): Map<string, Total> {
  const sums = new Map<string, Total>();
  for (const { organization, metric, time_ms: timeMs, thousandths } of events) {
    const name = `${organization}\n${metric}\n${Math.floor(timeMs / 900_000)}`;
    const sum = sums.get(name) ?? { thousandths: 0, count: 0 };
    sums.set(name, { thousandths: sum.thousandths + thousandths, count: sum.count + 1 });
  }
  return sums;
}
