/** One shard, read in one snapshot, so that a running system can be recounted. */
import pg from 'pg';

export interface ShardProgress {
  readonly partition: number;
  readonly generation: number;
  readonly firstOffset: number;
  readonly nextOffset: number;
  readonly recordHash: string | null;
  /** The day before which all are closed, as days since 1970. */
  readonly closedBefore: number;
}

export interface Commit {
  readonly sequence: number;
  readonly generation: number;
  readonly from: number;
  readonly to: number;
  readonly records: number;
  readonly seen: number;
  readonly inserted: number;
  readonly duplicate: number;
  readonly quarantined: number;
  readonly foreign: number;
  readonly writeStatements: number;
  readonly segmentVersion: number;
  readonly mapVersion: number;
  readonly source: string;
  readonly days: readonly CommitDay[];
  readonly decidedBy: string | null;
  readonly decidedWhy: string | null;
  readonly previousHash: string;
  readonly hash: string;
  readonly committedAtMs: number;
  readonly conflicts: number;
  /** Over the records and the conflicts that it kept aside; null without any. */
  readonly quarantineDigest: string | null;
  readonly conflictsDigest: string | null;
}

/** What a commit says of one day; `digest` is null in the row that closes it. */
interface CommitDay {
  readonly day: string;
  readonly count: number;
  readonly digest: string | null;
  readonly sums: string;
}

export interface ShardRow {
  readonly shard: number;
  readonly partition: number;
  /** Of the commit that inserted it; offsets repeat from one to the next. */
  readonly generation: number;
  readonly offset: number;
  readonly index: number;
  readonly organization: string;
  readonly metric: string;
  /** Canonical text, empty without any. */
  readonly dimensions: string;
  readonly quantity: string;
  readonly key: string;
  readonly eventTimeMs: number;
  readonly createdAtMs: number;
  readonly day: number;
  readonly undated: boolean;
  readonly keyHash: string;
  readonly fingerprint: string;
  /** The column as hex digits, null without properties. */
  readonly properties: string | null;
}

/** A kept-aside record (index -1) or event, or a conflict: a place in the log. */
export interface Kept {
  readonly offset: number;
  readonly index: number;
  readonly code: string;
  /** SHA-256 of the kept bytes. */
  readonly bytesHash: string;
}

/** A row of `quarantine` or `usage_conflicts`, of any generation, with the fields that its digest covers. */
export interface KeptRow {
  readonly generation: number;
  readonly offset: number;
  readonly fields: readonly string[];
}

export interface RollupRow {
  readonly organization: string;
  readonly metric: string;
  /** 32 hex digits. */
  readonly set: string;
  readonly quarterMs: number;
  readonly total: string;
  readonly count: number;
  /** Null: the shard does not know. */
  readonly minimum: string | null;
  readonly maximum: string | null;
  readonly latest: string | null;
  readonly latestAtMs: number | null;
}

const rowsPerFetch = 5000;

export class Shard {
  /** Its place in the list of addresses, which its identity has to be. */
  readonly number: number;
  readonly #client: pg.Client;

  private constructor(client: pg.Client, number: number) {
    this.#client = client;
    this.number = number;
  }

  static async open(dsn: string, number: number): Promise<Shard> {
    const client = new pg.Client({ connectionString: dsn, application_name: 'recount' });
    await client.connect();
    await client.query('begin transaction isolation level repeatable read, read only');
    await client.query("set local work_mem = '64MB'");
    // The first read takes the snapshot: from here on this shard does not move for us.
    await client.query('select count(*) from partition_progress');
    return new Shard(client, number);
  }

  async identity(): Promise<number> {
    const [row] = await this.#select('select shard from shard_identity', []);
    if (row === undefined) throw new Error('a shard has no identity row');
    return integer(row[0]);
  }

  async progress(): Promise<readonly ShardProgress[]> {
    const rows = await this.#select(
      `select partition, generation, first_offset, next_offset, encode(record_hash, 'hex'),
         closed_before - date '1970-01-01'
       from partition_progress order by partition`,
      [],
    );
    return rows.map(([partition, generation, first, next, recordHash, closed]) => ({
      partition: integer(partition),
      generation: integer(generation),
      firstOffset: integer(first),
      nextOffset: integer(next),
      recordHash: optional(recordHash),
      closedBefore: closed === null ? Number.NEGATIVE_INFINITY : integer(closed),
    }));
  }

  async commits(partition: number): Promise<readonly Commit[]> {
    const rows = await this.#select(
      `select sequence, generation, from_offset, to_offset, records, seen, inserted, duplicate, quarantined,
         foreign_records, write_statements, segment_version, map_version, source, days::text, decided_by,
         decided_why, encode(previous_hash, 'hex'), encode(hash, 'hex'),
         (extract(epoch from committed_at) * 1000)::text, conflicts, quarantine_digest, conflicts_digest
       from commit_ledger where partition = $1 order by sequence`,
      [partition],
    );
    return rows.map(toCommit);
  }

  async quarantine({ partition, generation }: ShardProgress): Promise<readonly Kept[]> {
    const rows = await this.#select(
      `select "offset", index, code, encode(sha256(bytes), 'hex') from quarantine q
       where partition = $1 and generation = $2`,
      [partition, generation],
    );
    return rows.map(([offset, index, code, bytesHash]) => ({
      offset: integer(offset),
      index: integer(index),
      code: text(code),
      bytesHash: text(bytesHash),
    }));
  }

  /** Places of the conflicts recorded at or above an offset, as `offset/index`. */
  async conflicts({ partition, generation }: ShardProgress, from: number): Promise<readonly string[]> {
    const rows = await this.#select(
      `select "offset" || '/' || index from usage_conflicts
       where partition = $1 and generation = $2 and "offset" >= $3`,
      [partition, generation, from],
    );
    return rows.map(([place]) => text(place));
  }

  /** All that were ever quarantined, in order of generation, offset and index. */
  quarantineRows(partition: number): Promise<readonly KeptRow[]> {
    return this.#keptRows(
      `select generation, "offset", "offset"::text, index::text, code, encode(sha256(bytes), 'hex') from quarantine q
       where partition = $1 order by generation, q."offset", q.index`,
      partition,
    );
  }

  /** All conflicts that were ever recorded, in the same order. */
  conflictRows(partition: number): Promise<readonly KeptRow[]> {
    return this.#keptRows(
      `select generation, "offset", "offset"::text, index::text, organization_id, replace(key_hash::text, '-', ''),
         event_day::text, replace(fingerprint::text, '-', ''), first_day::text, first_offset::text, first_index::text,
         replace(first_fingerprint::text, '-', '')
       from usage_conflicts q where partition = $1 order by generation, q."offset", q.index`,
      partition,
    );
  }

  async #keptRows(sql: string, partition: number): Promise<readonly KeptRow[]> {
    const rows = await this.#select(sql, [partition]);
    return rows.map(([generation, offset, ...fields]) => {
      return { generation: integer(generation), offset: integer(offset), fields: fields.map(text) };
    });
  }

  async rollups(partition: number): Promise<readonly RollupRow[]> {
    const rows = await this.#select(
      `select organization_id, metric_name, extract(epoch from quarter)::bigint, total::text, event_count,
         encode(uuid_send(dimension_set), 'hex'), minimum::text, maximum::text, latest::text,
         (extract(epoch from latest_at) * 1000)::bigint
       from usage_rollups where partition = $1`,
      [partition],
    );
    return rows.map(([organization, metric, quarter, total, count, set, minimum, maximum, latest, at]) => ({
      organization: text(organization),
      metric: text(metric),
      quarterMs: integer(quarter) * 1000,
      total: text(total),
      count: integer(count),
      set: text(set),
      minimum: optional(minimum),
      maximum: optional(maximum),
      latest: optional(latest),
      latestAtMs: at === null ? null : integer(at),
    }));
  }

  /** Partitions that any table of this shard mentions. */
  async mentionedPartitions(): Promise<ReadonlySet<number>> {
    const rows = await this.#select(
      `select partition from usage_events union select partition from usage_rollups
       union select partition from commit_ledger union select partition from quarantine`,
      [],
    );
    return new Set(rows.map(([partition]) => integer(partition)));
  }

  /** Keys that hold more than one row on one day, read from the rows and not from the unique index. */
  async keysTwice(): Promise<readonly string[]> {
    await this.#client.query('set local enable_indexonlyscan = off');
    await this.#client.query('set local enable_indexscan = off');
    const rows = await this.#select(
      `select min(organization_id || ' ' || idempotency_key) || ' on ' || event_day
       from usage_events group by key_hash, event_day having count(*) > 1`,
      [],
    );
    return rows.map(([key]) => text(key));
  }

  /**
   * All counted events of open days (a table of many days goes when the last of them is closed) in order of partition, generation, offset and index. A row does not hold its generation: where a
   * partition has several, it is that of the commit with the row's offset and time. The next rows are fetched meanwhile.
   */
  async *rows(): AsyncGenerator<ShardRow> {
    await this.#client.query(
      `declare counted no scroll cursor for
       with generations as (
         select partition, max(generation) as last, count(distinct generation) as count from commit_ledger group by 1
       )
       select partition, "offset", index, organization_id, metric_name, quantity::text, idempotency_key,
         (extract(epoch from event_time) * 1000)::text, (extract(epoch from created_at) * 1000)::text,
         event_day - date '1970-01-01', undated, encode(uuid_send(key_hash), 'hex'),
         encode(uuid_send(fingerprint), 'hex'), encode(properties, 'hex'), shard_id, dimensions,
         case when g.count > 1 then coalesce((
           select l.generation from commit_ledger l
           where l.partition = e.partition and l.from_offset <= e."offset" and l.to_offset > e."offset"
             and l.committed_at = date_trunc('milliseconds', e.processed_at)
           limit 1), 0) else coalesce(g.last, 0) end as generation
       from usage_events e left join generations g using (partition)
       where event_day >= coalesce((select closed_before from shard_identity), '-infinity')
       order by partition, generation, "offset", index`,
    );
    const fetch = () => this.#select(`fetch ${rowsPerFetch} from counted`, []);
    for (let ahead = fetch(); ; ) {
      const rows = await ahead;
      if (rows.length === 0) return;
      ahead = fetch();
      for (const row of rows) yield toRow(row);
    }
  }

  async close(): Promise<void> {
    await this.#client.end();
  }

  async #select(sql: string, values: readonly unknown[]): Promise<readonly (readonly unknown[])[]> {
    const result = await this.#client.query<unknown[]>({ text: sql, values: [...values], rowMode: 'array' });
    return result.rows;
  }
}

function toCommit(row: readonly unknown[]): Commit {
  const [sequence, generation, from, to, records, seen, inserted, duplicate, quarantined, foreign] = row;
  const [writeStatements, segmentVersion, mapVersion, source, days, by, why, previous, hash, at, ...kept] =
    row.slice(10);
  return {
    sequence: integer(sequence),
    generation: integer(generation),
    from: integer(from),
    to: integer(to),
    records: integer(records),
    seen: integer(seen),
    inserted: integer(inserted),
    duplicate: integer(duplicate),
    quarantined: integer(quarantined),
    foreign: integer(foreign),
    writeStatements: integer(writeStatements),
    segmentVersion: integer(segmentVersion),
    mapVersion: integer(mapVersion),
    source: text(source),
    // The column's documented shape; a commit of another shape fails the comparison of its digests.
    days: JSON.parse(text(days)) as Commit['days'],
    decidedBy: optional(by),
    decidedWhy: optional(why),
    previousHash: text(previous),
    hash: text(hash),
    committedAtMs: Number(text(at)),
    conflicts: integer(kept[0]),
    quarantineDigest: optional(kept[1]),
    conflictsDigest: optional(kept[2]),
  };
}

function toRow(row: readonly unknown[]): ShardRow {
  const [partition, offset, index, organization, metric, quantity, key] = row;
  const [
    eventTime,
    createdAt,
    day,
    undated,
    keyHash,
    fingerprint,
    properties,
    shard,
    dimensions,
    generation,
  ] = row.slice(7);
  return {
    shard: integer(shard),
    partition: integer(partition),
    generation: integer(generation),
    offset: integer(offset),
    index: integer(index),
    organization: text(organization),
    metric: text(metric),
    dimensions: text(dimensions),
    quantity: text(quantity),
    key: text(key),
    eventTimeMs: Number(text(eventTime)),
    createdAtMs: Number(text(createdAt)),
    day: integer(day),
    undated: undated === true,
    keyHash: text(keyHash),
    fingerprint: text(fingerprint),
    properties: optional(properties),
  };
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new Error(`a text column holds ${String(value)}`);
  return value;
}

function optional(value: unknown): string | null {
  return value === null ? null : text(value);
}

function integer(value: unknown): number {
  const number = Number(value);
  if (value === null || !Number.isSafeInteger(number)) throw new Error(`no integer: ${String(value)}`);
  return number;
}
