/** What a shard holds of some partitions, as rows of one moment in the units of the model. */
import type pg from 'pg';
import { inSession } from '../../../localstack/servers/postgres-session.ts';

export interface ProgressRow {
  readonly partition: number;
  readonly generation: number;
  readonly next_offset: number;
  readonly record_hash: Buffer | null;
  readonly checked_ranges: number;
  readonly halt_code: string | null;
  readonly log_end: number | null;
  readonly observed_ms: number | null;
  readonly complete_ms: number | null;
}

export interface EventRow {
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

export interface TotalRow {
  readonly partition: number;
  readonly name: string;
  readonly thousandths: number;
  readonly count: number;
}

export interface CommitRow {
  readonly partition: number;
  readonly sequence: number;
  readonly generation: number;
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

const progressSql = `select partition, generation, next_offset::float8 as next_offset, record_hash, checked_ranges, halt_code,
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
    (sum(total) * 1000)::float8 as thousandths, sum(event_count)::float8 as count
  from usage_rollups where partition = any ($1) group by 1, 2`;
const commitsSql = `select partition, sequence::float8 as sequence, generation, from_offset::float8 as from,
    to_offset::float8 as to, seen::float8 as seen, inserted::float8 as inserted, duplicate::float8 as duplicate,
    conflicts, quarantined::float8 as quarantined, foreign_records::float8 as foreign, source,
    (select count(*)::float8 from quarantine q where q.partition = c.partition and q.generation = c.generation
      and q."offset" >= c.from_offset and q."offset" < c.to_offset) as refusals
  from commit_ledger c where partition = any ($1) order by partition, sequence`;

export interface ShardRows {
  readonly progress: readonly ProgressRow[];
  readonly events: readonly EventRow[];
  readonly totals: readonly TotalRow[];
  readonly commits: readonly CommitRow[];
}

/** `url`: of a login that sees every row. */
export function readShardRows(url: string, partitions: readonly number[]): Promise<ShardRows> {
  return inSession(url, async (client) => {
    await client.query('begin isolation level repeatable read read only');
    const ask = async <Row extends pg.QueryResultRow>(sql: string) =>
      (await client.query<Row>(sql, [partitions])).rows;
    return {
      progress: await ask<ProgressRow>(progressSql),
      events: await ask<EventRow>(eventsSql),
      totals: await ask<TotalRow>(totalsSql),
      commits: await ask<CommitRow>(commitsSql),
    };
  });
}
