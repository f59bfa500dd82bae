/** Counted rows and whole commits with defaults; a test names only what it is about. */
import { fingerprintOf, keyHash } from '../../../shared/events/identity.ts';
import { digestOfRows, digestOfSums } from '../../../shared/ledger/digests.ts';
import {
  type DimensionSet,
  dimensionSetsOf,
  type TotalChange,
  totalChanges,
} from '../../../shared/ledger/dimension-sets.ts';
import type { DayDigest, DayLoad } from '../../../shared/ledger/load.ts';
import type {
  CommitRecord,
  RangeTransaction,
  ShardLedger,
  TransactionOutcome,
} from '../../../shared/ledger/shard-ledger.ts';
import { dayMs } from '../../../shared/limits.ts';
import { partitionOf, shardOf } from '../../../shared/log/routing.ts';
import { type CopyRow, CopyRows } from '../../../shared/log/row-tuple.ts';
import { RollupSums } from '../../../shared/segments/rollup.ts';
import { noonMs } from './records.ts';

export const noonDay = Math.floor(noonMs / dayMs);
export const partitions = 8;

/** Where an organization lives in a log of `partitions` partitions. */
export function homeOf(organization: string): { readonly partition: number; readonly shard: number } {
  const partition = partitionOf(organization, partitions);
  return { partition, shard: shardOf(partition) };
}

/** A row whose hashes and day follow from its fields. */
export function usageRow(fields: Partial<CopyRow> = {}): CopyRow {
  const event = {
    offset: 0,
    index: 0,
    undated: false,
    eventTimeMs: noonMs,
    createdAtMs: Date.now(),
    quantity: '1',
    organization: 'org_1',
    metric: 'api_calls',
    dimensions: '',
    idempotencyKey: 'key-1',
    properties: null,
    ...fields,
  };
  const { organization, idempotencyKey, eventTimeMs } = event;
  return {
    ...homeOf(organization),
    keyHash: keyHash(organization, idempotencyKey),
    fingerprint: fingerprintOf({ ...event, propertiesDigest: null }),
    day: Math.floor(eventTimeMs / dayMs),
    ...event,
  };
}

/** What the rows add to totals; `apart` says which of their sets are kept apart. */
function changesOf(rows: readonly CopyRow[], apart?: readonly DimensionSet[]): readonly TotalChange[] {
  const sums = new RollupSums();
  for (const row of rows) sums.addEvent(row, row);
  const rollups = sums.toRollups();
  return totalChanges(rollups, apart ?? dimensionSetsOf(rollups));
}

/** Rows of one day as the bytes of a COPY. */
export function dayRows(rows: readonly CopyRow[], changes = changesOf(rows)): DayLoad & DayDigest {
  const bytes = new CopyRows();
  for (const row of rows) bytes.append(row);
  const parts = [Buffer.from(bytes.toBuffer())];
  return {
    day: rows[0]?.day ?? noonDay,
    count: rows.length,
    digest: digestOfRows(parts),
    sums: digestOfSums(changes),
    rows: parts,
  };
}

export function commitRecord(fields: Partial<CommitRecord> = {}): CommitRecord {
  return {
    seen: 0,
    inserted: 0,
    duplicate: 0,
    conflicts: 0,
    quarantined: 0,
    foreign: 0,
    segmentVersion: 1,
    source: 'segments',
    days: [],
    ...fields,
  };
}

/** A range of one day that holds `rows`, new as far as the caller knows. */
export interface RowRange {
  /** The first one by default. */
  readonly generation?: number;
  readonly from: number;
  readonly to: number;
  readonly rows: readonly CopyRow[];
}

/** What the flusher writes for a range; false where it was fenced or held a counted key. */
export async function writeRange(
  transaction: RangeTransaction,
  { generation = 1, from, to, rows }: RowRange,
): Promise<boolean> {
  const recordHash = Buffer.alloc(32, to);
  const moved = await transaction.moveProgress({
    generation,
    from,
    to,
    recordHash,
    checkedRanges: 0,
    closedBefore: null,
  });
  if (moved === null) return false;
  const loaded = dayRows(rows);
  if (rows.length > 0 && (await moved.loadDay(loaded)).kind === 'unique') return false;
  const sums = new RollupSums();
  for (const row of rows) sums.addEvent(row, row);
  const changes = changesOf(rows, await moved.keepSets(dimensionSetsOf(sums.toRollups())));
  await moved.addRollups(changes);
  const counts = {
    seen: rows.length,
    inserted: rows.length,
    days: rows.length > 0 ? [dayRows(rows, changes)] : [],
  };
  await moved.addCommit(commitRecord(counts));
  return true;
}

/** One transaction around `writeRange`, with the day's leaf made first. */
export async function commitRows(
  ledger: ShardLedger,
  partition: number,
  range: RowRange,
): Promise<TransactionOutcome<boolean>> {
  await ledger.ensureDays([...new Set(range.rows.map((row) => row.day))]);
  return ledger.transaction(partition, async (transaction) => {
    const written = await writeRange(transaction, range);
    return { commit: written, value: written };
  });
}

/** Halts a partition where it is. */
export async function haltNow(
  ledger: ShardLedger,
  partition: number,
  why: { readonly code: string; readonly reason: string },
): Promise<void> {
  const place = (await ledger.progress()).find((row) => row.partition === partition);
  if (place === undefined) throw new Error(`no partition ${partition}`);
  await ledger.halt(place, why);
}
