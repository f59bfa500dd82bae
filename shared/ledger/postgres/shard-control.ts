import type pg from 'pg';
import {
  idleInTransactionTimeoutMs,
  lockTimeoutMs,
  shardControlConnectionsMax,
  verifyStatementTimeoutMs,
} from '../../limits.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { ChainedDay, StoredCommit } from '../commit-hash.ts';
import type {
  CommitMismatch,
  PartitionState,
  QuarantinedRecord,
  RecordedConflict,
  ShardControl,
  TotalMismatch,
} from '../shard-control.ts';
import { closeDayOn } from './close-day.ts';
import { decideOn } from './decide.ts';
import { execute } from './execute.ts';
import { fromUuid, toSafeInteger } from './row-values.ts';
import { IdentityCheck } from './shard-identity.ts';
import { ShardPool, withConnection } from './shard-pool.ts';
import { loadSql } from './sql.ts';

const readPartitions = loadSql('read-partitions');
const readCommits = loadSql('read-commits');
const readDays = loadSql('read-days');
const findRowMismatches = loadSql('find-row-mismatches');
const findSumMismatches = loadSql('find-sum-mismatches');
const findTotalMismatches = loadSql('find-total-mismatches');
const findClosedMismatches = loadSql('find-closed-mismatches');
const readQuarantine = loadSql('read-quarantine');
const readConflicts = loadSql('read-conflicts');

export interface ShardControlSettings {
  /** DSN of the owner login, which alone may lift a halt. */
  readonly ownerUrl: string;
  /** DSN of the login `billing`, which reads. */
  readonly operatorUrl: string;
  readonly shard: number;
  readonly mapVersion: number;
  readonly logger?: Logger;
}

interface PartitionRow {
  readonly partition: number;
  readonly generation: number;
  readonly first_offset: string;
  readonly next_offset: string;
  readonly halt_code: string | null;
  readonly halt_reason: string | null;
  readonly halted_at_ms: string | null;
}

interface CommitRow {
  readonly partition: number;
  readonly sequence: string;
  readonly generation: number;
  readonly from_offset: string;
  readonly to_offset: string;
  readonly seen: string;
  readonly inserted: string;
  readonly duplicate: string;
  readonly quarantined: string;
  readonly foreign_records: string;
  readonly write_statements: number;
  readonly segment_version: number;
  readonly map_version: number;
  readonly source: string;
  readonly days: readonly ChainedDay[];
  readonly decided_by: string | null;
  readonly decided_why: string | null;
  readonly committed_at_ms: string;
  readonly previous_hash: Buffer;
  readonly hash: Buffer;
}

interface MismatchRow {
  readonly partition: number;
  readonly sequence: string | null;
  readonly from_offset: string | null;
}

interface TotalRow {
  readonly partition: number;
  readonly organization: string;
  readonly metric: string;
  readonly quarter_ms: string;
  readonly dimensions: string;
  readonly rows_total: string;
  readonly rows_count: string;
  readonly rows_minimum: string | null;
  readonly rows_maximum: string | null;
  readonly rows_latest: string | null;
  readonly rollup_total: string;
  readonly rollup_count: string;
  readonly rollup_minimum: string | null;
  readonly rollup_maximum: string | null;
  readonly rollup_latest: string | null;
}

interface QuarantineRow {
  readonly partition: number;
  readonly offset: string;
  readonly index: number;
  readonly code: string;
  readonly bytes: Buffer;
  readonly quarantined_at_ms: string;
}

interface ConflictRow {
  readonly partition: number;
  readonly offset: string;
  readonly index: number;
  readonly organization_id: string;
  readonly key_hash: string;
  readonly day: string;
  readonly fingerprint: string;
  readonly first_day: string;
  readonly first_offset: string;
  readonly first_index: number;
  readonly first_fingerprint: string;
  readonly found_at_ms: string;
}

/** The operator's view of one shard; connects when it is first used. */
export function createShardControl(settings: ShardControlSettings): ShardControl {
  const { shard, mapVersion } = settings;
  const reads = controlPool(settings.operatorUrl, settings);
  const owner = controlPool(settings.ownerUrl, settings);
  const read = async <Row extends pg.QueryResultRow>(text: string, values?: readonly unknown[]) =>
    (await withConnection(reads, (client) => execute<Row>(client, text, values, verifyStatementTimeoutMs)))
      .rows;
  return {
    shard,
    partitions: async () => (await read<PartitionRow>(readPartitions)).map(fromRowPartition),
    decide: (decision) => withConnection(owner, (client) => decideOn(client, decision, mapVersion)),
    closeDay: (closing) => withConnection(owner, (client) => closeDayOn(client, closing, mapVersion)),
    commits: async ({ partition, aboveSequence, rowsMax }) =>
      (await read<CommitRow>(readCommits, [partition, aboveSequence, rowsMax])).map(fromRowCommit),
    days: async () => (await read<{ day: string }>(readDays)).map((row) => row.day),
    rowMismatches: async (day) =>
      (await read<MismatchRow>(findRowMismatches, [day])).map((row) => fromRowMismatch({ ...row, day })),
    sumMismatches: async (day) =>
      (await read<MismatchRow>(findSumMismatches, [day])).map((row) => fromRowMismatch({ ...row, day })),
    totalMismatches: async (day, rowsMax) =>
      (await read<TotalRow>(findTotalMismatches, [day, rowsMax])).map(fromRowTotal),
    closedMismatches: async () =>
      (await read<MismatchRow & { day: string }>(findClosedMismatches)).map(fromRowMismatch),
    quarantined: async (rowsMax) =>
      (await read<QuarantineRow>(readQuarantine, [rowsMax])).map(fromRowQuarantine),
    conflicts: async (rowsMax) => (await read<ConflictRow>(readConflicts, [rowsMax])).map(fromRowConflict),
    close: async () => {
      await Promise.all([reads.end(), owner.end()]);
    },
  };
}

function controlPool(url: string, { shard, mapVersion, logger }: ShardControlSettings): ShardPool {
  return new ShardPool({
    url,
    identity: new IdentityCheck({ shard, mapVersion }),
    applicationName: 'operator',
    connectionsMax: shardControlConnectionsMax,
    lockTimeoutMs,
    statementTimeoutMs: verifyStatementTimeoutMs,
    idleInTransactionTimeoutMs,
    logger,
  });
}

function fromRowPartition(row: PartitionRow): PartitionState {
  const { partition, generation, halt_code: code, halt_reason: reason, halted_at_ms: at } = row;
  const halt = code === null || at === null ? null : { code, reason: reason ?? '', atMs: toSafeInteger(at) };
  const firstOffset = toSafeInteger(row.first_offset);
  return { partition, generation, firstOffset, nextOffset: toSafeInteger(row.next_offset), halt };
}

function fromRowCommit(row: CommitRow): StoredCommit {
  return {
    partition: row.partition,
    sequence: toSafeInteger(row.sequence),
    generation: row.generation,
    from: toSafeInteger(row.from_offset),
    to: toSafeInteger(row.to_offset),
    seen: toSafeInteger(row.seen),
    inserted: toSafeInteger(row.inserted),
    duplicate: toSafeInteger(row.duplicate),
    quarantined: toSafeInteger(row.quarantined),
    foreign: toSafeInteger(row.foreign_records),
    writeStatements: row.write_statements,
    segmentVersion: row.segment_version,
    mapVersion: row.map_version,
    source: row.source,
    days: row.days,
    decidedBy: row.decided_by,
    decidedWhy: row.decided_why,
    committedAtMs: toSafeInteger(row.committed_at_ms),
    previousHash: row.previous_hash,
    hash: row.hash,
  };
}

function fromRowMismatch({
  partition,
  day,
  sequence,
  from_offset: from,
}: MismatchRow & { readonly day: string }): CommitMismatch {
  const orNull = (value: string | null) => (value === null ? null : toSafeInteger(value));
  return { partition, day, sequence: orNull(sequence), from: orNull(from) };
}

function fromRowTotal(row: TotalRow): TotalMismatch {
  const { partition, organization, metric, dimensions } = row;
  return {
    ...{ partition, organization, metric, dimensions, quarterMs: toSafeInteger(row.quarter_ms) },
    rows: {
      ...{ total: row.rows_total, count: toSafeInteger(row.rows_count) },
      ...{ minimum: row.rows_minimum, maximum: row.rows_maximum, latest: row.rows_latest },
    },
    rollup: {
      ...{ total: row.rollup_total, count: toSafeInteger(row.rollup_count) },
      ...{ minimum: row.rollup_minimum, maximum: row.rollup_maximum, latest: row.rollup_latest },
    },
  };
}

function fromRowQuarantine(row: QuarantineRow): QuarantinedRecord {
  const { partition, index, code, bytes } = row;
  const quarantinedAtMs = toSafeInteger(row.quarantined_at_ms);
  return { partition, offset: toSafeInteger(row.offset), index, code, bytes, quarantinedAtMs };
}

function fromRowConflict(row: ConflictRow): RecordedConflict {
  return {
    partition: row.partition,
    offset: toSafeInteger(row.offset),
    index: row.index,
    organization: row.organization_id,
    keyHash: fromUuid(row.key_hash),
    day: row.day,
    fingerprint: fromUuid(row.fingerprint),
    firstDay: row.first_day,
    firstOffset: toSafeInteger(row.first_offset),
    firstIndex: row.first_index,
    firstFingerprint: fromUuid(row.first_fingerprint),
    foundAtMs: toSafeInteger(row.found_at_ms),
  };
}
