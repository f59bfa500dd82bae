/**
 * Commits one range of one partition, exactly once whatever happens.
 *
 *   state          event                      next
 *   planned        unique key counted before  planned, checked (a second transaction)
 *   planned        compare-and-set fails      fenced: another flusher was faster, or the partition is halted
 *   planned        connection lost            planned: nothing happened, the next pass takes it again
 *   committing     COMMIT acknowledged        committed
 *   committing     connection lost            `next_offset`, read under its lock, alone decides
 *   committed      process dies               segments below next_offset are deleted by the next pass
 */

import { invariant, OdometerError } from '../../shared/errors.ts';
import type { Checkpoint } from '../../shared/ledger/checkpoint.ts';
import { probesOf } from '../../shared/ledger/deduplicate.ts';
import { type Load, loadAsFolded, loadWinners, type OffsetRange, rowsOf } from '../../shared/ledger/load.ts';
import type { CommitRecord, RangeTransaction, ShardLedger } from '../../shared/ledger/shard-ledger.ts';
import { checkedRangesAfterDuplicate, commitDaysMax } from '../../shared/limits.ts';
import { segmentVersion } from '../../shared/segments/segment.ts';

/** `committed`: by us, `load` says what. `fenced`: this range is somebody else's or halted; look again. */
export type CommitOutcome =
  | { readonly kind: 'committed'; readonly load: Load; readonly checkedRanges: number }
  | { readonly kind: 'fenced' };

type Attempt =
  | { readonly kind: 'written'; readonly load: Load }
  | { readonly kind: 'fenced' }
  | { readonly kind: 'unique' };

interface Plan {
  readonly range: OffsetRange;
  /** Ask the table for duplicates before loading. */
  readonly checked: boolean;
  /** Ranges after this one that are to be checked. */
  readonly checkedRanges: number;
  readonly closedDays: ReadonlySet<number>;
}

/** Throws OdometerError `shard_unavailable` (retryable): then nothing of the range was committed. */
export async function commitRange(
  range: OffsetRange,
  checkedRanges: number,
  ledger: ShardLedger,
  checkpoint: Checkpoint,
): Promise<CommitOutcome> {
  const closedDays = await ensureDays(range, ledger);
  const undated = range.segments.some(({ meta }) => meta.undated > 0);
  const checked = undated || checkedRanges > 0 || closedDays.size > 0;
  const plan = { range, checked, checkedRanges: Math.max(0, checkedRanges - 1), closedDays };
  const outcome = await attempt(plan, ledger, checkpoint);
  if (outcome !== 'unique') return outcome;
  invariant(!checked, `partition ${range.partition} ${range.from}: a checked range still met a counted key`);
  const again = { ...plan, checked: true, checkedRanges: checkedRangesAfterDuplicate };
  const second = await attempt(again, ledger, checkpoint);
  invariant(
    second !== 'unique',
    `partition ${range.partition} ${range.from}: a checked range met a counted key`,
  );
  return second;
}

async function ensureDays(range: OffsetRange, ledger: ShardLedger): Promise<ReadonlySet<number>> {
  const days = [...new Set(range.segments.flatMap(({ meta }) => meta.days.map(({ day }) => day)))];
  const closed = new Set<number>();
  for (let first = 0; first < days.length; first += commitDaysMax) {
    for (const day of await ledger.ensureDays(days.slice(first, first + commitDaysMax))) closed.add(day);
  }
  return closed;
}

async function attempt(
  plan: Plan,
  ledger: ShardLedger,
  checkpoint: Checkpoint,
): Promise<CommitOutcome | 'unique'> {
  const { partition, from, to } = plan.range;
  await checkpoint('before-compare-and-set', partition);
  const outcome = await ledger.transaction(partition, async (transaction) => {
    const value = await write(plan, transaction, checkpoint);
    if (value.kind === 'written') await checkpoint('before-commit', partition);
    return { commit: value.kind === 'written', value };
  });
  const { value } = outcome;
  if (value.kind === 'unique') return 'unique';
  if (value.kind === 'fenced') return { kind: 'fenced' };
  if (outcome.kind !== 'committed') {
    // COMMIT was sent and its answer lost: the offset says whether it took effect.
    const next = await ledger.nextOffset(partition);
    if (next === from) {
      throw new OdometerError('shard_unavailable', 'COMMIT did not take effect', { retryable: true });
    }
    if (next !== to) return { kind: 'fenced' };
  }
  await checkpoint('after-commit', partition);
  return { kind: 'committed', load: value.load, checkedRanges: plan.checkedRanges };
}

async function write(plan: Plan, transaction: RangeTransaction, checkpoint: Checkpoint): Promise<Attempt> {
  const { range } = plan;
  const { partition, from, to } = range;
  const lastHash = range.segments.at(-1)?.meta.recordHash;
  invariant(lastHash !== undefined, 'a range holds at least one segment');
  const recordHash = Buffer.from(lastHash, 'hex');
  const moved = await transaction.moveProgress(partition, from, to, recordHash, plan.checkedRanges);
  if (!moved) return { kind: 'fenced' };
  const load = plan.checked ? await checkedLoad(plan, transaction) : loadAsFolded(range);
  for (const day of load.days) {
    const loaded = await transaction.loadDay(day);
    if (loaded.kind === 'unique') return { kind: 'unique' };
    invariant(loaded.count === day.count, `COPY loaded ${loaded.count} rows of ${day.count} (U5)`);
  }
  await checkpoint('after-copy', partition);
  if (load.rollups.length > 0) await transaction.addRollups(partition, load.rollups);
  if (load.refusals.length > 0) await transaction.addQuarantine(partition, load.refusals);
  if (load.conflicts.length > 0) await transaction.addConflicts(partition, load.conflicts);
  await transaction.addCommit(toCommitRecord(range, load, transaction.writeStatements + 1));
  return { kind: 'written', load };
}

async function checkedLoad(plan: Plan, transaction: RangeTransaction): Promise<Load> {
  const rows = rowsOf(plan.range);
  const probes = probesOf(rows).filter(({ day }) => !plan.closedDays.has(day));
  const counted = await transaction.findCounted(probes);
  return loadWinners(plan.range, rows, counted, plan.closedDays);
}

function toCommitRecord(range: OffsetRange, load: Load, writeStatements: number): CommitRecord {
  const { partition, from, to, source } = range;
  const { seen, inserted, duplicate, quarantined, foreign } = load;
  invariant(
    seen === inserted + duplicate + quarantined,
    `seen ${seen} is not what became of the events (U5)`,
  );
  const conflicts = load.conflicts.length;
  const counts = { seen, inserted, duplicate, conflicts, quarantined, foreign };
  return { partition, from, to, source, ...counts, writeStatements, segmentVersion, days: load.days };
}
