/**
 * Commits one range of one partition, exactly once whatever happens.
 *
 *   state      event                                                  next
 *   unchecked  counted-key: the unique index holds a key of it        checked, in a second transaction
 *   checked    counted-key                                            throws: the lookup missed a key, a bug
 *   both       fenced: the compare-and-set failed                     fenced: another was faster, it is halted, a day was
 *                                                                     closed, offsets started again
 *   both       acknowledged: COMMIT was answered                      committed
 *   both       took-effect: no answer, and next_offset is `to`        committed
 *   both       took-no-effect: no answer, and next_offset is `from`   throws: the next pass takes the range again
 *   both       overtaken: no answer, and next_offset is elsewhere     fenced
 *   both       the connection is lost before COMMIT                   throws: the next pass takes the range again
 *   committed  the process dies                                       the next pass deletes the segments
 */

import { invariant, OdometerError } from '../../shared/errors.ts';
import type { Checkpoint } from '../../shared/ledger/checkpoint.ts';
import { probesOf } from '../../shared/ledger/deduplicate.ts';
import { digestsByDay } from '../../shared/ledger/digests.ts';
import { dimensionSetsOf, type TotalChange, totalChanges } from '../../shared/ledger/dimension-sets.ts';
import { type Load, loadAsFolded, loadWinners, type OffsetRange, rowsOf } from '../../shared/ledger/load.ts';
import type {
  CommitRecord,
  MovedRange,
  Progress,
  RangeTransaction,
  ShardLedger,
} from '../../shared/ledger/shard-ledger.ts';
import { checkedRangesAfterDuplicate } from '../../shared/limits.ts';
import { segmentVersion } from '../../shared/segments/segment.ts';

export interface CommitPorts {
  readonly ledger: ShardLedger;
  readonly checkpoint: Checkpoint;
}

/**
 * `committed`: by us up to `next`; `load` is what was written, `checkedRanges` how many ranges after it are to be
 * checked. `fenced`: this range is another flusher's, its partition is halted, or since then a day was
 * closed or offsets started again; the next pass looks again.
 */
export type CommitOutcome =
  | {
      readonly kind: 'committed';
      readonly next: number;
      /** SHA-256 of the record at `next - 1`. */
      readonly recordHash: Buffer;
      readonly load: Load;
      readonly checkedRanges: number;
    }
  | { readonly kind: 'fenced' };

/** What a range is planned with, as its partition's progress was read. */
type PlannedWith = Pick<Progress, 'checkedRanges' | 'generation' | 'closedBefore'>;

/** Whether the keys of a range are looked up before it is loaded. */
export type RangeState = 'unchecked' | 'checked';

interface Plan {
  readonly range: OffsetRange;
  readonly state: RangeState;
  /** Ranges after this one that are to be checked. */
  readonly checkedRanges: number;
  readonly generation: number;
  readonly closedBefore: number | null;
  /** Those of the range. */
  readonly closedDays: ReadonlySet<number>;
}

/** What one transaction came to. */
type Attempt =
  | { readonly event: 'acknowledged' | 'took-effect'; readonly load: Load }
  | { readonly event: 'took-no-effect' | 'overtaken' | 'fenced' | 'counted-key' };

export type AttemptEvent = Attempt['event'];

/** Throws OdometerError `shard_unavailable` (retryable): then nothing of the range was committed. */
export async function commitRange(
  range: OffsetRange,
  given: PlannedWith,
  ports: CommitPorts,
): Promise<CommitOutcome> {
  let plan = await planOf(range, given, ports.ledger);
  if (plan === null) return { kind: 'fenced' };
  for (;;) {
    const attempt = await attemptCommit(plan, ports);
    switch (attempt.event) {
      case 'acknowledged':
      case 'took-effect':
        await ports.checkpoint('after-commit', range.partition);
        return {
          kind: 'committed',
          next: range.to,
          recordHash: recordHashOf(range),
          load: attempt.load,
          checkedRanges: plan.checkedRanges,
        };
      case 'fenced':
      case 'overtaken':
        return { kind: 'fenced' };
      case 'took-no-effect':
        throw new OdometerError('shard_unavailable', 'COMMIT did not take effect', { retryable: true });
      case 'counted-key': {
        const { partition, from } = range;
        invariant(
          plan.state === 'unchecked',
          `partition ${partition} ${from}: a checked range met a counted key`,
        );
        plan = { ...plan, state: 'checked', checkedRanges: checkedRangesAfterDuplicate };
      }
    }
  }
}

/** null: a day of the range was closed since the progress was read. */
async function planOf(
  range: OffsetRange,
  { checkedRanges, generation, closedBefore }: PlannedWith,
  ledger: ShardLedger,
): Promise<Plan | null> {
  const days = [...new Set(range.segments.flatMap(({ meta }) => meta.days.map(({ day }) => day)))];
  const closedDays = new Set(days.filter((day) => isClosed(day, closedBefore)));
  const closed = await ledger.ensureDays(days.filter((day) => !closedDays.has(day)));
  if (closed.size > 0) return null;
  const undated = range.segments.some(({ meta }) => meta.undated > 0);
  const checked = undated || checkedRanges > 0 || closedDays.size > 0;
  return {
    range,
    state: checked ? 'checked' : 'unchecked',
    checkedRanges: Math.max(0, checkedRanges - 1),
    generation,
    closedBefore,
    closedDays,
  };
}

// Same type: a day of an event and a bound of days, in the order of the comparison.
function isClosed(day: number, closedBefore: number | null): boolean {
  return closedBefore !== null && day < closedBefore;
}

async function attemptCommit(plan: Plan, { ledger, checkpoint }: CommitPorts): Promise<Attempt> {
  const { partition, from, to } = plan.range;
  await checkpoint('before-compare-and-set', partition);
  const { kind, value } = await ledger.transaction(partition, async (transaction) => {
    const written = await write(plan, transaction, checkpoint);
    const commit = typeof written !== 'string';
    if (commit) await checkpoint('before-commit', partition);
    return { commit, value: written };
  });
  if (typeof value === 'string') return { event: value };
  if (kind === 'committed') return { event: 'acknowledged', load: value };
  // COMMIT was sent and its answer lost: the offset, read under its lock, says whether it took effect.
  const next = await ledger.nextOffset(partition);
  if (next === to) return { event: 'took-effect', load: value };
  return { event: next === from ? 'took-no-effect' : 'overtaken' };
}

/** SHA-256 of its last record. */
function recordHashOf({ segments }: OffsetRange): Buffer {
  const lastHash = segments.at(-1)?.meta.recordHash;
  invariant(lastHash !== undefined, 'a range holds at least one segment');
  return Buffer.from(lastHash, 'hex');
}

/** What was written, or why nothing of it may be committed. */
async function write(
  plan: Plan,
  transaction: RangeTransaction,
  checkpoint: Checkpoint,
): Promise<Load | 'fenced' | 'counted-key'> {
  const { range, generation, checkedRanges, closedBefore } = plan;
  const { partition, from, to, source } = range;
  const recordHash = recordHashOf(range);
  const moved = await transaction.moveProgress({
    generation,
    from,
    to,
    recordHash,
    checkedRanges,
    closedBefore,
  });
  if (moved === null) return 'fenced';
  const load = plan.state === 'checked' ? await checkedLoad(plan, moved) : loadAsFolded(range);
  for (const day of load.days) {
    const loaded = await moved.loadDay(day);
    if (loaded.kind === 'unique') return 'counted-key';
    invariant(loaded.count === day.count, `COPY loaded ${loaded.count} rows of ${day.count} (U5)`);
  }
  await checkpoint('after-copy', partition);
  const changes = totalChanges(load.rollups, await moved.keepSets(dimensionSetsOf(load.rollups)));
  await moved.addRollups(changes);
  await moved.addQuarantine(load.refusals);
  await moved.addConflicts(load.conflicts);
  await moved.addCommit(toCommitRecord(source, load, changes));
  return load;
}

async function checkedLoad({ range, closedBefore, closedDays }: Plan, moved: MovedRange): Promise<Load> {
  const rows = rowsOf(range);
  // A closed day remembers no key, also where its rows are not dropped yet.
  const probes = probesOf(rows).filter(({ day }) => !isClosed(day, closedBefore));
  const counted = await moved.findCounted(probes);
  return loadWinners(range, rows, counted, closedDays);
}

function toCommitRecord(
  source: OffsetRange['source'],
  load: Load,
  changes: readonly TotalChange[],
): CommitRecord {
  const { seen, inserted, duplicate, quarantined, foreign } = load;
  invariant(
    seen === inserted + duplicate + quarantined,
    `seen ${seen} is not what became of the events (U5)`,
  );
  const conflicts = load.conflicts.length;
  const sums = digestsByDay(changes);
  const days = load.days.map(({ day, count, digest }) => {
    const ofDay = sums.get(day);
    invariant(ofDay !== undefined, 'a day with rows has sums');
    return { day, count, digest, sums: ofDay };
  });
  return { source, segmentVersion, days, seen, inserted, duplicate, conflicts, quarantined, foreign };
}
