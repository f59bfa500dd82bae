import type pg from 'pg';
import {
  idleInTransactionTimeoutMs,
  listedBytesMax,
  listedRecordBytesMax,
  lockTimeoutMs,
  shardControlConnectionsMax,
  verifyStatementTimeoutMs,
} from '../../limits.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { ChainedDay, StoredCommit } from '../commit-hash.ts';
import type { KeptMismatch } from '../mismatches.ts';
import type { PartitionState, QuarantinedRecord, RecordedConflict, ShardControl } from '../shard-control.ts';
import { closeDay } from './close-day.ts';
import { dayMismatches, fromRowMismatch, type MismatchRow } from './day-mismatches.ts';
import { decideOn } from './decide.ts';
import { execute } from './execute.ts';
import { fromUuid, toSafeInteger } from './row-values.ts';
import { IdentityCheck } from './shard-identity.ts';
import { ShardPool, withConnection } from './shard-pool.ts';
import { loadSql } from './sql.ts';

const readPartitions = loadSql('read-partitions');
const readCommits = loadSql('read-commits');
const readDays = loadSql('read-days');
const findKeptMismatches = loadSql('find-kept-mismatches');
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
  readonly closed_before: string | null;
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
  readonly conflicts: number;
  readonly quarantine_digest: string | null;
  readonly conflicts_digest: string | null;
  readonly previous_hash: Buffer;
  readonly hash: Buffer;
}

interface KeptMismatchRow extends MismatchRow {
  readonly kind: KeptMismatch['kind'];
}

interface QuarantineRow {
  readonly partition: number;
  readonly offset: string;
  readonly index: number;
  readonly code: string;
  readonly bytes: Buffer;
  readonly length: number;
  readonly quarantined_at_ms: string;
  readonly cursor: string;
  readonly cut: boolean;
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
  readonly cursor: string;
}

/** The operator's view of one shard; connects when it is first used. */
export function createShardControl(settings: ShardControlSettings): ShardControl {
  const { shard, mapVersion } = settings;
  const reads = controlPool(settings.operatorUrl, settings);
  const owner = controlPool(settings.ownerUrl, settings);
  const read = async <Row extends pg.QueryResultRow>(text: string, values?: readonly unknown[]) =>
    (await withConnection(reads, (client) => execute<Row>(client, text, values, verifyStatementTimeoutMs)))
      .rows;
  const ofDay = dayMismatches(read);
  return {
    shard,
    partitions: async () => (await read<PartitionRow>(readPartitions)).map(fromRowPartition),
    decide: (decision) => withConnection(owner, (client) => decideOn(client, decision, mapVersion)),
    closeDay: (closing) => closeDay({ owner, reads }, closing, mapVersion),
    commits: async ({ partition, aboveSequence, rowsMax }) =>
      (await read<CommitRow>(readCommits, [partition, aboveSequence, rowsMax])).map(fromRowCommit),
    days: async () => (await read<{ day: string }>(readDays)).map((row) => row.day),
    rowMismatches: ofDay.rows,
    sumMismatches: ofDay.sums,
    totalMismatches: ofDay.totals,
    closedMismatches: ofDay.closed,
    keptMismatches: async () => (await read<KeptMismatchRow>(findKeptMismatches)).map(fromRowKept),
    quarantined: async ({ rowsMax, before }) => {
      const values = [rowsMax, listedBytesMax, ...placeOf(before), listedRecordBytesMax];
      const rows = await read<QuarantineRow>(readQuarantine, values);
      return { rows: rows.map(fromRowQuarantine), cut: rows[0]?.cut ?? false };
    },
    conflicts: async ({ rowsMax, before }) => {
      const rows = await read<ConflictRow>(readConflicts, [rowsMax, ...placeOf(before)]);
      return { rows: rows.map(fromRowConflict), cut: false };
    },
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
  const nextOffset = toSafeInteger(row.next_offset);
  return { partition, generation, firstOffset, nextOffset, closedBefore: row.closed_before, halt };
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
    conflicts: row.conflicts,
    quarantineDigest: row.quarantine_digest,
    conflictsDigest: row.conflicts_digest,
    previousHash: row.previous_hash,
    hash: row.hash,
  };
}

function fromRowKept({ kind, ...row }: KeptMismatchRow): KeptMismatch {
  const { partition, sequence, from } = fromRowMismatch({ ...row, day: '' });
  return { kind, partition, sequence, from };
}

/** The five numbers of a cursor as parameters. */
function placeOf(cursor: string | null): readonly (string | null)[] {
  return cursor === null ? [null, null, null, null, null] : cursor.split('.');
}

function fromRowQuarantine(row: QuarantineRow): QuarantinedRecord {
  const { partition, index, code, bytes, length, cursor } = row;
  const quarantinedAtMs = toSafeInteger(row.quarantined_at_ms);
  const offset = toSafeInteger(row.offset);
  return { partition, offset, index, code, bytes, length, quarantinedAtMs, cursor };
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
    cursor: row.cursor,
  };
}
